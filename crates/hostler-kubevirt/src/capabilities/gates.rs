//! KubeVirt's feature gates, as its releases register them: in which minor release a
//! gate reached which stage.
//!
//! Read from the release tags v1.0.0 to v1.9.0 (`pkg/virt-config`). Four things to
//! know of it:
//!
//! * **The tags count, not the comments in them**, which sometimes name an earlier
//!   release than the first that registers a stage.
//! * **Before 1.5 only done, deprecated and discontinued gates are registered**; the
//!   others are off unless listed, which is what alpha means, and are alpha here.
//! * **Later releases of a minor one are alike**, but for two gates that came with
//!   1.0.1 and 1.1.1 and are told of 1.0 and 1.1.
//! * **Releases to come are not in it.** What follows for them is concluded from the
//!   newest that is, and told as such.

use hostler_core::cluster::Stage;
use hostler_core::cluster::Stage::{Alpha, Beta, Deprecated, Discontinued, Ga};

/// The major release that all of this is of.
pub(super) const MAJOR: u32 = 1;
/// The newest minor release in the table.
pub(super) const NEWEST: u32 = 9;
/// From this minor release on beta gates are on unless they are turned off.
pub(super) const BETA_IS_ON: u32 = 9;
/// From this minor release on gates can be turned off.
pub(super) const CAN_DISABLE: u32 = 8;

/// A gate.
pub(super) struct Gate {
    /// Its name.
    pub(super) name: &'static str,
    /// Minor releases and the stages that it reached in them, oldest first.
    stages: &'static [(u32, Stage)],
    /// What came in its place.
    pub(super) instead: Option<&'static str>,
}

impl Gate {
    /// How far it was in a minor release.
    pub(super) fn stage(&self, minor: u32) -> Stage {
        let reached = self.stages.iter().rev().find(|(since, _)| *since <= minor);
        reached.map_or(Stage::NotYet, |(_, stage)| *stage)
    }

    /// When it reached the stage that it is in.
    pub(super) fn since(&self, minor: u32) -> Option<u32> {
        self.stages.iter().rev().map(|(since, _)| *since).find(|since| *since <= minor)
    }

    /// The first minor release that has it, after this one.
    pub(super) fn comes_with(&self, minor: u32) -> Option<u32> {
        self.stages.first().map(|(since, _)| *since).filter(|since| *since > minor)
    }

    /// The first minor release after this one in which nobody has to list it.
    pub(super) fn on_by_itself_after(&self, minor: u32) -> Option<u32> {
        (minor + 1..=NEWEST).find(|minor| match self.stage(*minor) {
            Ga => true,
            Beta => *minor >= BETA_IS_ON,
            _ => false,
        })
    }
}

/// All of them, by name.
pub(super) fn all() -> &'static [Gate] {
    GATES
}

/// The gate of that name.
pub(super) fn find(name: &str) -> Option<&'static Gate> {
    GATES.iter().find(|gate| gate.name == name)
}

const fn gate(name: &'static str, stages: &'static [(u32, Stage)]) -> Gate {
    Gate { name, stages, instead: None }
}

const fn replaced(
    name: &'static str,
    stages: &'static [(u32, Stage)],
    instead: &'static str,
) -> Gate {
    Gate { name, stages, instead: Some(instead) }
}

const GATES: &[Gate] = &[
    gate("AlignCPUs", &[(1, Alpha)]),
    gate("AutoResourceLimitsGate", &[(0, Alpha), (5, Ga)]),
    gate("BochsDisplayForEFIGuests", &[(1, Alpha), (4, Ga)]),
    gate("CPUManager", &[(0, Alpha)]),
    gate("CPUNodeDiscovery", &[(0, Alpha), (1, Ga)]),
    gate("ClusterProfiler", &[(0, Alpha), (6, Ga)]),
    gate("CommonInstancetypesDeploymentGate", &[(1, Alpha), (4, Ga)]),
    gate("ConfigurableHypervisor", &[(8, Alpha)]),
    gate("ContainerPathVolumes", &[(8, Alpha)]),
    gate("CrossArchitectureVirtualization", &[(9, Alpha)]),
    gate("DecentralizedLiveMigration", &[(6, Alpha)]),
    gate("DeclarativeHotplugVolumes", &[(6, Alpha), (9, Beta)]),
    gate("DisableCustomSELinuxPolicy", &[(0, Alpha), (5, Ga)]),
    gate("DisableMDEVConfiguration", &[(0, Alpha), (8, Deprecated)]),
    gate("DockerSELinuxMCSWorkaround", &[(0, Alpha), (4, Deprecated)]),
    gate("DownwardMetrics", &[(0, Alpha)]),
    gate("DynamicPodInterfaceNaming", &[(4, Alpha), (5, Ga)]),
    gate("EnableVirtioFsConfigVolumes", &[(5, Alpha), (8, Ga)]),
    gate("EnableVirtioFsStorageVolumes", &[(5, Alpha)]),
    gate("ExpandDisks", &[(0, Alpha), (9, Ga)]),
    gate("ExperimentalIgnitionSupport", &[(0, Alpha)]),
    replaced(
        "ExperimentalVirtiofsSupport",
        &[(0, Alpha), (5, Deprecated), (8, Discontinued)],
        "EnableVirtioFsConfigVolumes or EnableVirtioFsStorageVolumes",
    ),
    gate("ExternalNetResourceInjection", &[(8, Beta)]),
    gate("FirmwareAutoSelection", &[(9, Alpha)]),
    gate("GPU", &[(0, Alpha), (4, Ga)]),
    gate("GPUsWithDRA", &[(6, Alpha), (9, Beta)]),
    gate("GraceIOVirtualization", &[(9, Alpha)]),
    gate("HostDevices", &[(0, Alpha)]),
    gate("HostDevicesWithDRA", &[(6, Alpha), (9, Beta)]),
    gate("HostDisk", &[(0, Alpha)]),
    gate("HotplugNICs", &[(0, Alpha), (4, Ga)]),
    replaced("HotplugVolumes", &[(0, Alpha), (9, Deprecated)], "DeclarativeHotplugVolumes"),
    gate("HypervStrictCheck", &[(0, Alpha)]),
    gate("IOMMUFD", &[(9, Alpha)]),
    gate("ImageVolume", &[(6, Alpha), (7, Beta)]),
    gate("IncrementalBackup", &[(7, Alpha)]),
    gate("InstancetypeReferencePolicy", &[(4, Alpha), (5, Beta), (6, Ga)]),
    gate("KubevirtSeccompProfile", &[(0, Alpha), (7, Beta)]),
    gate("LibvirtHooksServerAndClient", &[(8, Alpha), (9, Beta)]),
    gate("LiveMigration", &[(0, Ga)]),
    gate("LiveUpdateNADRef", &[(8, Beta), (9, Ga)]),
    gate("Macvtap", &[(0, Alpha), (2, Deprecated), (3, Discontinued)]),
    gate("MigrationPriorityQueue", &[(7, Alpha), (8, Beta), (9, Ga)]),
    gate("MigrationStallDetection", &[(9, Alpha)]),
    gate("MultiArchitecture", &[(0, Alpha), (8, Deprecated)]),
    gate("NUMA", &[(0, Alpha), (4, Ga)]),
    gate("NetworkBindingPlugins", &[(1, Alpha), (5, Ga)]),
    gate("NetworkDevicesWithDRA", &[(9, Alpha)]),
    gate("NodeRestriction", &[(3, Alpha), (6, Beta)]),
    gate("NonRoot", &[(0, Ga)]),
    replaced("NonRootExperimental", &[(0, Ga), (2, Discontinued)], "NonRoot"),
    gate("OCIExport", &[(9, Alpha)]),
    gate("ObjectGraph", &[(6, Alpha)]),
    gate("OptOutRoleAggregation", &[(8, Alpha), (9, Beta)]),
    gate("PCINUMAAwareTopology", &[(8, Alpha)]),
    gate("PSA", &[(0, Ga)]),
    gate("PanicDevices", &[(6, Alpha), (7, Beta), (9, Ga)]),
    gate("Passt", &[(0, Alpha), (2, Deprecated), (3, Discontinued)]),
    gate("PasstBinding", &[(8, Beta)]),
    replaced("PasstIPStackMigration", &[(6, Alpha), (8, Discontinued)], "PasstBinding"),
    gate("PersistentReservation", &[(0, Alpha), (9, Ga)]),
    gate("Plugins", &[(9, Alpha)]),
    gate("PodSecondaryInterfaceNamingUpgrade", &[(8, Beta)]),
    gate("PortRangesSpec", &[(9, Alpha)]),
    gate("RebootPolicy", &[(8, Alpha), (9, Beta)]),
    gate("ReservedOverheadMemlock", &[(8, Alpha)]),
    gate("Root", &[(0, Alpha)]),
    gate("SRIOVLiveMigration", &[(0, Ga)]),
    gate("SecureExecution", &[(6, Alpha), (7, Beta), (9, Ga)]),
    gate("Sidecar", &[(0, Alpha)]),
    gate("Snapshot", &[(0, Alpha), (6, Beta)]),
    gate("Template", &[(8, Alpha), (9, Beta)]),
    gate("UtilityVolumes", &[(8, Alpha)]),
    gate("VGPULiveMigration", &[(9, Alpha)]),
    gate("VMExport", &[(0, Alpha), (6, Beta), (9, Ga)]),
    gate("VMLiveUpdateFeatures", &[(0, Alpha), (5, Ga)]),
    gate("VMPersistentState", &[(0, Alpha), (6, Ga)]),
    gate("VMStatsCollector", &[(9, Alpha)]),
    gate("VSOCK", &[(0, Alpha)]),
    gate("VideoConfig", &[(6, Alpha), (7, Beta), (9, Ga)]),
    gate("VmiMemoryOverheadReport", &[(8, Alpha), (9, Beta)]),
    gate("VolumeMigration", &[(3, Alpha), (5, Ga)]),
    gate("VolumesUpdateStrategy", &[(3, Alpha), (5, Ga)]),
    gate("WorkloadEncryptionSEV", &[(0, Alpha), (9, Beta)]),
    gate("WorkloadEncryptionTDX", &[(7, Alpha)]),
];
