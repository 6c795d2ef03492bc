//! stub
use crate::failure::Result;
use crate::recording::Recording;
use crate::sql::Session;
/// stub
pub struct Side;
impl Side {
    /// stub
    pub fn read(_r: &Recording, _s: &Session) -> Result<Self> {
        Ok(Side)
    }
}
/// stub
pub fn html(_sides: &[Side]) -> Result<String> {
    Ok(String::new())
}
