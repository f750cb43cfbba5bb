"""The drivers of everything that is compared."""
from .base import GAPS, STAMPS, Peer, Req, dial, first_line, tree
from .lua import Supervisord, Webhook, Websocketd
from .node import Piscina
from .ours import Ours, OursLive, OursOneRequest
from .php import NginxPhp, Php, PhpBuffered, PhpEval, PhpOne
from .uwsgi import Uwsgi

OURS = [Ours, OursLive, OursOneRequest]
PEERS = {"php": Php, "php1": PhpOne, "phpeval": PhpEval, "phpbuf": PhpBuffered, "nginx": NginxPhp, "uwsgi": Uwsgi,
         "piscina": Piscina, "webhook": Webhook, "websocketd": Websocketd, "supervisord": Supervisord}
