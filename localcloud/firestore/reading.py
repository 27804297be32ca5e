"""Which state a request reads, by the transaction or time it names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.firestore.database import Database, Entry
from localcloud.firestore.messages import micros
from localcloud.firestore.query import Query
from localcloud.firestore.transactions import Transaction, Transactions
from localcloud.firestore.views import AsOf, Present, View


@dataclass(frozen=True, slots=True)
class Reading:
    """A view whose reads are noted where a transaction needs them; `begun` is the id of one begun by the request."""

    view: View
    transaction: Transaction | None = None
    begun: bytes = b""

    def get(self, name: str) -> Entry | None:
        entry = self.view.get(name)
        if self.transaction:
            self.transaction.saw(name, entry)
        return entry

    def run(self, query: Query) -> list[Entry]:
        entries = query.run(self.view)
        if self.transaction:
            self.transaction.saw_results(query, entries)
        return entries


async def reading(request: Any, database: Database, transactions: Transactions, names: Sequence[str] = ()) -> Reading:
    """`names` are the documents that will be read. Raises RpcError for a transaction that is over or a time too old."""
    selector = request.WhichOneof("consistency_selector")
    if selector == "read_time":
        return Reading(AsOf(database, micros(request.read_time)))
    if selector == "transaction":
        transaction, begun = transactions.get(request.transaction, database), b""
    elif selector == "new_transaction":
        transaction = transactions.begin(database, request.new_transaction)
        begun = transaction.id
    else:
        return Reading(Present(database))
    await transactions.before_reading(transaction, names)
    return Reading(transactions.view(transaction), transaction if transaction.as_of is None else None, begun)
