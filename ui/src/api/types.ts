// Short names for the generated types, so that a page says `Vm` and not a path
// through the OpenAPI document. Nothing is added to them here.
import type { components } from "./generated/schema";

type Schemas = components["schemas"];

export type ActionVerdict = Schemas["ActionVerdict"];
export type AdoptionAction = Schemas["AdoptionAction"];
export type AdoptionPlanned = Schemas["AdoptionPlanned"];
export type AdoptionRequest = Schemas["AdoptionRequest"];
export type AdoptionResult = Schemas["AdoptionResult"];
export type AdoptionRisk = Schemas["AdoptionRisk"];
export type Agent = Schemas["Agent"];
export type Alert = Schemas["Alert"];
export type AlertEntry = Schemas["AlertEntry"];
export type AlertReceiver = Schemas["AlertReceiver"];
export type AlertRule = Schemas["AlertRule"];
export type Anomaly = Schemas["Anomaly"];
export type Cluster = Schemas["Cluster"];
export type ClusterCapabilities = Schemas["ClusterCapabilities"];
export type ClusterFeature = Schemas["ClusterFeature"];
export type ClusterFeatureChange = Schemas["ClusterFeatureChange"];
export type ClusterHardware = Schemas["ClusterHardware"];
export type ClusterKubeconfig = Schemas["ClusterKubeconfig"];
export type ClusterLack = Schemas["ClusterLack"];
export type ClusterReason = Schemas["ClusterReason"];
export type ClusterTested = Schemas["ClusterTested"];
export type ClusterWatchLag = Schemas["ClusterWatchLag"];
export type ClusterUpgrade = Schemas["ClusterUpgrade"];
export type CloudInit = Schemas["CloudInit"];
export type ConsoleKind = Schemas["ConsoleKind"];
export type ConsoleTicket = Schemas["ConsoleTicket"];
export type CustomSeries = Schemas["CustomSeries"];
export type Destination = Schemas["Destination"];
export type FieldChange = Schemas["FieldChange"];
export type DiskObserved = Schemas["DiskObserved"];
export type DiskSpec = Schemas["DiskSpec"];
export type GuestObserved = Schemas["GuestObserved"];
export type Host = Schemas["Host"];
export type HostlerEvent = Schemas["Event"];
export type Image = Schemas["Image"];
export type LiveFrame = Schemas["LiveFrame"];
export type LiveNode = Schemas["LiveNode"];
export type LiveVm = Schemas["LiveVm"];
export type Measured = Schemas["Measured"];
export type MetricsAnswer = Schemas["MetricsAnswer"];
export type InstanceType = Schemas["InstanceType"];
export type Migration = Schemas["Migration"];
export type Network = Schemas["Network"];
export type NicObserved = Schemas["NicObserved"];
export type NicSource = Schemas["NicSource"];
export type Operation = Schemas["Operation"];
export type OperationStep = Schemas["OperationStep"];
export type Outlook = Schemas["Outlook"];
export type OutlookForecast = Schemas["OutlookForecast"];
export type OutlookMissing = Schemas["OutlookMissing"];
export type OutlookResource = Schemas["OutlookResource"];
export type OutlookSize = Schemas["OutlookSize"];
export type OutlookTrend = Schemas["OutlookTrend"];
export type OutputStatus = Schemas["OutputStatus"];
export type PendingAdoption = Schemas["PendingAdoption"];
export type Pool = Schemas["Pool"];
export type Problem = Schemas["Problem"];
export type Preference = Schemas["Preference"];
export type ProblemFault = Schemas["ProblemFault"];
export type Provider = Schemas["Provider"];
export type Ref = Schemas["Ref"];
export type ResourceRef = Schemas["ResourceRef"];
export type Server = Schemas["Server"];
export type Session = Schemas["Session"];
export type Silence = Schemas["Silence"];
export type VmDeletion = Schemas["VmDeletion"];
export type VmDisk = Schemas["VmDisk"];
export type VmVolume = Schemas["VmVolume"];
export type SilentSource = Schemas["SilentSource"];
export type Snapshot = Schemas["Snapshot"];
export type SnapshotConsistency = Schemas["SnapshotConsistency"];
export type SnapshotRequest = Schemas["SnapshotRequest"];
export type Template = Schemas["Template"];
export type TemplateDeployed = Schemas["TemplateDeployed"];
export type TemplateDeployment = Schemas["TemplateDeployment"];
export type TemplateParameter = Schemas["TemplateParameter"];
export type TemplatePreviewed = Schemas["TemplatePreviewed"];
export type TemplateVersion = Schemas["TemplateVersion"];
export type TemplateVersionSummary = Schemas["TemplateVersionSummary"];
export type TimeToFull = Schemas["TimeToFull"];
export type Vm = Schemas["Vm"];
export type TypeRef = Schemas["TypeRef"];
export type VmAdopted = Schemas["VmAdopted"];
export type VmCloneRequest = Schemas["VmCloneRequest"];
export type VmChangePlanned = Schemas["VmChangePlanned"];
export type VmChangeRequest = Schemas["VmChangeRequest"];
export type VmKeeper = Schemas["VmKeeper"];
export type VmObserved = Schemas["VmObserved"];
export type VmPatch = Schemas["VmPatch"];
export type VmPlanned = Schemas["VmPlanned"];
export type VmRequest = Schemas["VmRequest"];
export type VmSpec = Schemas["VmSpec"];
export type VmStatus = Schemas["VmStatus"];
export type VmStopMode = Schemas["VmStopMode"];
export type VmSummary = Schemas["VmSummary"];
export type Volume = Schemas["Volume"];
export type VolumeFormat = Schemas["VolumeFormat"];
export type ImageFormat = Schemas["ImageFormat"];

/** A value with its pedigree, or the reason why there is none. */
export interface Fact<T> {
  value?: T | null;
  quality: string;
  source: string;
  observed_at?: string | null;
  reason?: string | null;
}

/** A page of any list. */
export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
  observed_at?: string | null;
  stale: boolean;
  /** `fresh` or `stale`; servers that do not tell it leave it out. */
  cache_status?: string | null;
  /** Since when part of it is old, where that is known. */
  stale_since?: string | null;
  /** Who did not answer and is missing for that. */
  silent?: SilentSource[];
  approx_total?: number | null;
}
