"""A server's own control paths, beside those of AWS: what tests may do to it that no AWS client can."""
