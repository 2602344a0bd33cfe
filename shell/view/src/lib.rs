//! Cluster summary to text, XML, JSON, HTML, DOT.
