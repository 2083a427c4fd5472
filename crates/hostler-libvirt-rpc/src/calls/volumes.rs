//! Storage volumes; their contents are streams.

use super::calls;
use crate::types::{StoragePool, StorageVol, StorageVolInfo};

calls! {
    /// Finds a volume of a pool; `NO_STORAGE_VOL` if there is none.
    fn storage_vol_lookup_by_name(pool: &StoragePool, name: &str) -> StorageVol
        = STORAGE_VOL_LOOKUP_BY_NAME(pool, name);
    /// Finds a volume by its key; `NO_STORAGE_VOL` if there is none.
    fn storage_vol_lookup_by_key(key: &str) -> StorageVol = STORAGE_VOL_LOOKUP_BY_KEY(key);
    /// Finds a volume by its path; `NO_STORAGE_VOL` if there is none.
    fn storage_vol_lookup_by_path(path: &str) -> StorageVol = STORAGE_VOL_LOOKUP_BY_PATH(path);
    /// Makes a volume.
    fn storage_vol_create_xml(pool: &StoragePool, xml: &str, flags: u32) -> StorageVol
        = STORAGE_VOL_CREATE_XML(pool, xml, flags);
    /// Makes a volume with the contents of another. Takes as long as copying does.
    fn storage_vol_create_xml_from(
        pool: &StoragePool, xml: &str, source: &StorageVol, flags: u32,
    ) -> StorageVol = STORAGE_VOL_CREATE_XML_FROM(pool, xml, source, flags);
    /// Deletes a volume and its data.
    fn storage_vol_delete(volume: &StorageVol, flags: u32) -> ()
        = STORAGE_VOL_DELETE(volume, flags);
    /// Overwrites a volume's data with zeroes.
    fn storage_vol_wipe(volume: &StorageVol, flags: u32) -> () = STORAGE_VOL_WIPE(volume, flags);
    /// Resizes a volume that nobody uses.
    fn storage_vol_resize(volume: &StorageVol, capacity_bytes: u64, flags: u32) -> ()
        = STORAGE_VOL_RESIZE(volume, capacity_bytes, flags);
    /// A volume's kind and size.
    fn storage_vol_info(volume: &StorageVol) -> StorageVolInfo = STORAGE_VOL_GET_INFO(volume);
    /// A volume's description.
    fn storage_vol_xml(volume: &StorageVol, flags: u32) -> String
        = STORAGE_VOL_GET_XML_DESC(volume, flags);
    /// A volume's path on the host.
    fn storage_vol_path(volume: &StorageVol) -> String = STORAGE_VOL_GET_PATH(volume);
}
