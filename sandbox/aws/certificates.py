"""TLS for the sandbox: the CDK's bootstrap bucket refuses plain HTTP, as AWS does."""

import trustme

from sandbox.aws.layout import Layout


def issue(layout: Layout) -> None:
    """Write a CA and a server certificate for this machine's loopback addresses.

    They are made once a directory, so that a client that trusted the sandbox still does after a restart.
    """
    if all(path.exists() for path in (layout.ca_bundle, layout.certificate, layout.private_key)):
        return
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    layout.private_key.touch(mode=0o600)
    server.private_key_pem.write_to_path(str(layout.private_key))
    layout.certificate.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    authority.cert_pem.write_to_path(str(layout.ca_bundle))
