"""The runner of this repository, over its own socket, with sockets and state of its own."""
import json
import os
import socket

from .base import GAPS, HELLO, PAD, STAMPS, Peer, Req


class Ours(Peer):
    name, fresh, fanout, is_ours = "hero_runner_rhai, session_run", "fresh forked child, text sent and compiled", True, True
    bin_dir = ""

    def version(self):
        return "hero_runner_rhai of this tree"

    def start(self, sessions=8):
        d = self.dir
        self.addr = f"unix:{d}/sockets/hero_runner_rhai/rpc.sock"
        os.makedirs(f"{d}/sockets/hero_runner_rhai", exist_ok=True)
        # Nothing of the caller's environment decides where the server is or how it is set.
        env = {"PATH": os.environ["PATH"], "HOME": d, "PATH_VAR": f"{d}/var", "PATH_SOCKET": f"{d}/sockets",
               "HERO_RUNNER_RHAI_WORKERS": str(max(sessions, 8)), "HERO_RUNNER_RHAI_PARKED": "8",
               # A reader may lag behind a script by as much as is kept: all lines of the largest row.
               "HERO_RUNNER_RHAI_LOG_BYTES": str(512 << 20)}
        self.spawn([f"{self.bin_dir}/hero_runner_rhai_server"], self.addr, env=env)

    def post_to(self, path, value):
        body = json.dumps(value)
        return (f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                f"Connection: close\r\n\r\n{body}").encode()

    def post(self, method, params):
        return self.post_to("/rpc", {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})

    def run(self, script, needle=HELLO):
        return Req(self.addr, self.post("session_run", {"script": script + " // ########"}), needle)

    def live(self, script, needle=HELLO):
        sse = b"GET /sse/session/@ID@ HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n"
        return Req(self.addr, self.post("session_start", {"script": script + " // ########"}), needle, "sse", subscription=sse)

    def lines_of(self, n):
        return f'let p = " {PAD}"; for i in 1..={n} {{ print(("0000000" + i).sub_string(-8) + p); }}'

    def c1(self): return self.run(f'print("{HELLO}");', f'"stdout":["{HELLO}"]')
    def c3(self, n, subs): return self.live(self.lines_of(n))
    def ring(self, n): return self.run(self.lines_of(n), f'"lines":{n},')
    def hold(self, mb, i): return self.live(("let a = []; a.pad(65536, 1); " if mb else "") + f'print("{HELLO}"); sleep(600);')

    def trickle(self):
        return self.live(f'for i in 0..{STAMPS} {{ print("T " + monotonic_ns()); sleep(if i % 2 == 0 {{ 0.0{GAPS[0]} }} else {{ 0.{GAPS[1]} }}); }}')

    def c2(self, script, n=0):
        if script == "cpu":
            return self.run(f'let s = 0; for i in 1..={n} {{ s += i; }} print("sum=" + s);', f"sum={n * (n + 1) // 2}")
        return self.c1()

    # ---- the record and the log that each session must have

    def call(self, method, params):
        s = socket.socket(socket.AF_UNIX)
        s.connect(self.addr[5:])
        s.sendall(self.post(method, params))
        data = b""
        while part := s.recv(1 << 16):
            data += part
        s.close()
        answer = json.loads(data.split(b"\r\n\r\n", 1)[1])
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        return answer["result"]

    def check(self, runs):
        listed = self.call("session_list", {"limit": 200, "status": ["succeeded"]})
        if listed["total"] < runs:
            return f"{runs} runs, but {listed['total']} records"
        for session in listed["sessions"]:
            log = self.call("session_logs", {"session_id": session["session_id"]})
            if session["lines"] != 1 or [line["line"] for line in log["lines"]] != [HELLO]:
                return f"session {session['session_id']} has not the log it should have"
        return None


class OursLive(Ours):
    """Only how soon a line is at a reader: the id is asked for, then its stream."""
    name = "hero_runner_rhai, session_start + SSE"

    def c1(self): return self.live(f'print("{HELLO}");')
    def c2(self, script, n=0): return None
    def c3(self, n, subs): return None
    def ring(self, n): return None
    def trickle(self): return None
    def hold(self, mb, i): return None


class OursOneRequest(OursLive):
    name = "hero_runner_rhai, run and stream in one request"

    def c1(self):
        return Req(self.addr, self.post_to("/sse/run", {"script": f'print("{HELLO}"); // ########'}), f'"line":"{HELLO}"')
