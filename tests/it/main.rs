//! Black-box tests, in one binary; one file per behaviour.

#[cfg(test)]
mod sandbox_faults;
#[cfg(test)]
mod sandbox_items;
#[cfg(test)]
mod sandbox_tls;
#[cfg(test)]
mod sandbox_uploads;
#[cfg(test)]
mod support;
