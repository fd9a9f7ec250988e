"""The site and MLflow in one server: `trueto serve` starts MLflow with the pages of reports/ at /drift (docs/dashboard.md).

`pages` answers a request from the folder of the site and knows no server, `app` mounts it in MLflow's own, `serving` starts that.
"""

from trueto.dashboard.pages import Pages, Reply
from trueto.dashboard.serving import Server, serve

__all__ = ["Pages", "Reply", "Server", "serve"]
