//! The sandbox of the process provider, made by three lives of this program.
