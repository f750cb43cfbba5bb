"""uWSGI with its LuaJIT plugin."""
import glob
import os

from .base import HELLO, PAD, Peer, Req, first_line, get


class Uwsgi(Peer):
    name, fresh, needs = "uWSGI + LuaJIT", "interpreter reused", ("uwsgi-core", "lua5.4")
    packages = ("uwsgi-core", "uwsgi-plugin-luajit", "lua5.4")

    def missing(self):
        return super().missing() + ([] if glob.glob("/usr/lib/uwsgi/plugins/lua_plugin.so") else ["lua plugin"])

    def version(self):
        return "uWSGI " + first_line(["uwsgi-core", "--version"])

    def start(self, sessions=8):
        d = self.dir
        if not os.path.exists(f"{d}/fifo"):
            os.mkfifo(f"{d}/fifo")
        self.file("app.lua", f"""
function app(env)
  local path, n = env.PATH_INFO, tonumber((env.QUERY_STRING or ""):match("n=(%d+)"))
  local body
  if path == "/hello" then body = coroutine.wrap(function() coroutine.yield("{HELLO}\\n") end)
  elseif path == "/cpu" then body = coroutine.wrap(function()
    local s = 0 for i = 1, n do s = s + i end coroutine.yield(("sum=%.0f\\n"):format(s)) end)
  elseif path == "/lines" then body = coroutine.wrap(function()
    for i = 1, n do coroutine.yield(("%08d %s\\n"):format(i, "{PAD}")) end end)
  else body = coroutine.wrap(function()
    local a = {{}}
    if n then for i = 1, 131072 do a[i] = i end end
    coroutine.yield("{HELLO}\\n") io.open("{d}/fifo", "r") coroutine.yield(#a .. "") end)
  end
  return "200 OK", {{["Content-Type"] = "text/plain"}}, body
end
return app
""")
        self.addr = f"unix:{d}/uwsgi.sock"
        self.spawn(["uwsgi-core", "--plugin", "lua", "--http-socket", self.addr[5:], "--http-socket-modifier1", "6", "--lua", f"{d}/app.lua", "--master",
                    "--processes", str(sessions), "--disable-logging", "--die-on-term"], self.addr)

    def c1(self): return Req(self.addr, get("/hello"))
    def c3(self, n, subs): return Req(self.addr, get(f"/lines?n={n}"))
    def hold(self, mb, i): return Req(self.addr, get("/hold?" + ("n=1" if mb else "")))

    def c2(self, script, n=0):
        return Req(self.addr, get(f"/cpu?n={n}"), f"sum={n * (n + 1) // 2}") if script == "cpu" else self.c1()
