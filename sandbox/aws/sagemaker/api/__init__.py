"""The control plane's shapes, errors, ARNs, tags and permissions."""
