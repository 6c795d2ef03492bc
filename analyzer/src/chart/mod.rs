//! stub
use crate::failure::Result;
use crate::windows::Timeline;
/// stub
pub fn page(_name: &str, _timeline: &Timeline) -> Result<String> {
    Ok(String::new())
}
