"""The list of all preflight checks, by subject.

To add a check:

1. In the file of its subject (or in a new file, listed below), write a probe: a function that takes a client and what
   it reads, and returns a list of `Finding` and `Inconclusive`; an empty list means that the condition holds. It must
   change nothing. `probes.probe` makes a call of which a later step needs the permission, and reports it if it is
   missing; `probes.query_probe` evaluates the response of a query that only the check needs: denied, it stops nothing.
   For a permission that only a call with an effect would show, write no probe but a function that yields
   `RequiredPermission`.
2. Add a `Check` to the file's CHECKS: title, role, purpose (in which of the role's sessions it is probed; QUERY unless
   a later step's session has what it needs), remedy, applies, statements (what the query session must allow), and
   probes or permissions. check.py describes each field.
3. If the deployed role lacks the permission for the call, add it in stacks/environment/, and its reason in
   docs/generate/permission_reasons.yaml.
4. Add a test of the probe in tests/adapters/preflight/. If the check does not apply to every promotion, add its title
   to test_each_check_applies_to_some_promotion in tests/adapters/preflight/test_checks.py.
5. Add a row to the table of the preflight checks in docs/how-it-works.md.

The session policy of the query session, the permissions that IAM is asked for, and the finding of a role that cannot
be assumed follow from the entry.
"""

from __future__ import annotations

from lambdas.promotion.preflight.check import Check
from lambdas.promotion.preflight.checks import (
    alarms,
    copies,
    endpoint,
    images,
    key,
    preview,
    quotas,
    shadow_variants,
    smoke_tests,
    source_artifacts,
)

CHECKS: tuple[Check, ...] = (
    *endpoint.CHECKS,
    *shadow_variants.CHECKS,
    *key.CHECKS,
    *source_artifacts.CHECKS,
    *copies.CHECKS,
    *images.CHECKS,
    *preview.CHECKS,
    *smoke_tests.CHECKS,
    *quotas.CHECKS,
    *alarms.CHECKS,
)
