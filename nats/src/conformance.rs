//! One suite for the log on a server and in memory.
