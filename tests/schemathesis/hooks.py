"""What schemathesis cannot know: what waits, and that one person's things are not there for another.

With NEXUS_FOREIGN set to a workspace of somebody else, every request that names a workspace or a
machine names that one, and none may be answered with anything but a refusal.
"""

import os
import uuid

import schemathesis

FOREIGN = os.environ.get("NEXUS_FOREIGN", "")
PATHS = ("/api/v1/workspaces/{id}", "/machines/{id}")
# Whatever number these have, the answer only comes later.
WAITS = ("min_seq", "wait")


def names_a_workspace(case):
    return bool(FOREIGN) and case.operation.path.startswith(PATHS)


@schemathesis.hook
def before_call(context, case, kwargs):
    for name in WAITS:
        if case.query and name in case.query:
            del case.query[name]
    if names_a_workspace(case):
        machine = case.operation.path.startswith("/machines")
        plain = str(uuid.UUID(FOREIGN.removeprefix("ws-")))
        case.path_parameters["id"] = plain if machine else FOREIGN


@schemathesis.check
def foreign_is_not_found(context, response, case):
    if names_a_workspace(case) and response.status_code < 400:
        raise AssertionError(f"answered {response.status_code} about somebody else's workspace")
