"""The audit, for those who may read it."""

from director.rest import paging
from director.rest.answers import AuditPage
from director.rest.route import Call, Reply
from director.safety.audit import Record


def read(call: Call) -> Reply:
    """The newest first; of dataflows the caller is admin of, and what belongs to none for admins of all."""
    asked, authorization = call.query, call.parts.authorization
    everywhere = authorization.may_everywhere(call.identity, "see_audit")

    def shown(record: Record) -> bool:
        if asked.dataflow not in (None, record.dataflow) or asked.who not in (None, record.who):
            return False
        return everywhere or authorization.may(call.identity, "see_audit", record.dataflow or "")

    found, mark = call.parts.audit.page(asked.before, asked.page_size, shown)
    return Reply(AuditPage(records=tuple(found), next_page_token=paging.token(mark)))
