"""Lua as a process of its own, under webhook, websocketd and supervisord."""
import json
import os

from .base import GAPS, HELLO, PAD, STAMPS, Peer, Req, first_line, get


class LuaPeer(Peer):
    fresh = "fresh process (fork+exec)"

    def scripts(self):
        d = self.dir
        head = "#!/usr/bin/lua5.4\n"
        arg = 'local n=tonumber(arg[1] or (os.getenv("QUERY_STRING") or ""):match("n=(%d+)"))\n'
        fifo = f'io.open("{d}/fifo","r")\n'
        one = "local a={} for i=1,65536 do a[i]=i end\n"
        say = f'print("{HELLO}") io.stdout:flush()\n'
        self.file("hello", head + f'print("{HELLO}")\n')
        self.file("cpu", head + arg + 'local s=0 for i=1,n do s=s+i end print("sum="..s)\n')
        self.file("lines", head + arg + f'io.stdout:setvbuf("line") for i=1,n do print(("%08d %s"):format(i,"{PAD}")) end\n')
        self.file("hold", head + say + fifo)
        self.file("holdmb", head + one + say + fifo + "print(#a)\n")
        self.file("trickle", f"#!/bin/sh\nexec {os.environ['LOAD']} stamps {STAMPS} {GAPS[0]} {GAPS[1]}\n")
        if not os.path.exists(f"{d}/fifo"):
            os.mkfifo(f"{d}/fifo")


class Webhook(LuaPeer):
    name, needs, port, blind = "webhook + lua5.4", ("webhook", "lua5.4"), 19181, True
    packages = ("webhook", "lua5.4")

    def version(self):
        return first_line(["webhook", "-version"])

    def start(self, sessions=8):
        self.scripts()
        arg = [{"source": "url", "name": "n"}]
        self.file("hooks.json", json.dumps([
            {"id": s, "execute-command": f"{self.dir}/{s}", "include-command-output-in-response": True,
             "pass-arguments-to-command": arg if s == "cpu" else []} for s in ("hello", "cpu", "hold", "holdmb")]))
        self.addr = f"tcp:{self.port}"
        self.spawn(["webhook", "-ip", "127.0.0.1", "-port", str(self.port), "-hooks", f"{self.dir}/hooks.json"], self.addr)

    def c1(self): return Req(self.addr, get("/hooks/hello"))
    def hold(self, mb, i): return Req(self.addr, get("/hooks/hold" + "mb" * mb))

    def c2(self, script, n=0):
        if script == "cpu":
            return Req(self.addr, get(f"/hooks/cpu?n={n}"), f"sum={n * (n + 1) // 2}")
        return self.c1()


class Websocketd(LuaPeer):
    name, needs, port = "websocketd + lua5.4", ("websocketd", "lua5.4"), 19182
    packages = ("websocketd", "lua5.4")
    lines = 300_000

    def version(self):
        return first_line(["websocketd", "--version"])

    def start(self, sessions=8):
        self.scripts()
        self.addr = f"tcp:{self.port}"
        self.spawn(["websocketd", "--address=127.0.0.1", f"--port={self.port}", "--loglevel=fatal", f"--dir={self.dir}"], self.addr)

    def ask(self, path, needle=HELLO):
        up = ("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
              f"Origin: http://127.0.0.1:{self.port}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
        data = get(path, f"127.0.0.1:{self.port}", up).replace(b"HTTP/1.0", b"HTTP/1.1")
        return Req(self.addr, data, needle, "ws")

    def c1(self): return self.ask("/hello")
    def c3(self, n, subs): return self.ask(f"/lines?n={n}")
    def trickle(self): return self.ask("/trickle")
    def hold(self, mb, i): return self.ask("/hold" + "mb" * mb)

    def c2(self, script, n=0):
        return self.ask(f"/cpu?n={n}", f"sum={n * (n + 1) // 2}") if script == "cpu" else self.c1()


class Supervisord(LuaPeer):
    name, needs, fanout = "supervisord + lua5.4", ("supervisord", "lua5.4"), True
    packages = ("supervisor", "lua5.4")
    fresh, c1_samples, lines, gap_us = "fresh process (fork+exec)", 8, 300_000, 37000
    SLOTS = 24

    def version(self):
        return "supervisord " + first_line(["supervisord", "-v"])

    def start(self, sessions=8):
        self.scripts()
        self.slot = 0
        d = self.dir
        progs = "".join(self.program(name, f"{d}/{cmd}", many) for name, cmd, many in
                        [("hello", "hello", 1), ("trickle", "trickle", 1), ("hold", "hold", sessions), ("holdmb", "holdmb", sessions)]
                        + [(f"lines{n}", f"lines {n}", self.SLOTS) for n in (300_000, 100_000, 10_000)])
        self.file("sup.conf", f"""[unix_http_server]
file={d}/sup.sock
[supervisord]
nodaemon=true
user=root
minfds=4096
childlogdir={d}
logfile={d}/supervisord.log
pidfile={d}/supervisord.pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
{progs}""")
        self.addr = f"unix:{d}/sup.sock"
        self.spawn(["supervisord", "-n", "-c", f"{d}/sup.conf"], self.addr)

    def program(self, name, cmd, many):
        for i in range(many):
            open(f"{self.dir}/{name}_{i}.log", "w").close()
        return (f"[program:{name}]\ncommand={cmd}\nnumprocs={many}\nprocess_name={name}_%(process_num)d\nautostart=false\n"
                f"autorestart=false\nstartsecs=0\nstdout_logfile={self.dir}/{name}_%(process_num)d.log\nstdout_logfile_maxbytes=0\n")

    def start_request(self, group, i):
        body = (f"<?xml version='1.0'?><methodCall><methodName>supervisor.startProcess</methodName><params><param><value>"
                f"<string>{group}:{group}_{i}</string></value></param></params></methodCall>")
        return f"POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    def tail(self, group, i):
        return f"GET /logtail/{group}:{group}_{i} HTTP/1.1\r\nHost: x\r\n\r\n".encode()

    def ask(self, group, i):
        return Req(self.addr, self.start_request(group, i), watch=self.tail(group, i))

    def c1(self): return self.ask("hello", 0)
    def trickle(self): return self.ask("trickle", 0)
    def hold(self, mb, i): return Req(self.addr, self.start_request("hold" + "mb" * mb, i), "<boolean>1")

    def c3(self, n, subs):
        self.slot += 1
        return self.ask(f"lines{n}", self.slot % self.SLOTS)
