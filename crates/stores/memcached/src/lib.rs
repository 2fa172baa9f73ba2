//! The memcached store.
