"""REST: IAM policies of tables and views. Those of a dataset are its `access`.

Source: https://cloud.google.com/bigquery/docs/reference/rest/v2/tables/getIamPolicy
"""

from aiohttp import web

from localcloud import policy_doors
from localcloud.bigquery.catalog import Catalog
from localcloud.bigquery.doors import API, Door
from localcloud.bigquery.names import TableName
from localcloud.faults import Faults
from localcloud.iam import Policies
from localcloud.rest import route

TABLE = f"{API}/datasets/{{dataset}}/tables/{{table:[^/:]+}}"
PERMISSIONS = {
    f"bigquery.tables.{verb}"
    for verb in ("delete", "export", "get", "getData", "getIamPolicy", "setIamPolicy", "update", "updateData")
}


class TablePolicies(Door):
    """A policy belongs to the table, not to its name: one made anew under an old name has none."""

    def __init__(self, faults: Faults, catalog: Catalog) -> None:
        super().__init__(faults)
        self._catalog = catalog
        self._policies = Policies(named=True)

    @route("POST", f"{TABLE}:getIamPolicy", "tables.getIamPolicy")
    async def get_policy(self, request: web.Request) -> web.Response:
        return await policy_doors.got(self._policies, self._number(request), request)

    @route("POST", f"{TABLE}:setIamPolicy", "tables.setIamPolicy")
    async def set_policy(self, request: web.Request) -> web.Response:
        return await policy_doors.put(self._policies, self._number(request), request)

    @route("POST", f"{TABLE}:testIamPermissions", "tables.testIamPermissions")
    async def test_permissions(self, request: web.Request) -> web.Response:
        self._number(request)
        return await policy_doors.tested(self.faults, str(_name(request)), PERMISSIONS, request)

    def _number(self, request: web.Request) -> int:
        return self._catalog.table(_name(request)).number


def _name(request: web.Request) -> TableName:
    return TableName(request.match_info["project"], request.match_info["dataset"], request.match_info["table"])
