"""php-fpm, alone and behind nginx."""
import os

from .base import GAPS, HELLO, PAD, STAMPS, Peer, Req, first_line, get


def record(kind, body=b""):
    return bytes([1, kind, 0, 1, len(body) >> 8, len(body) & 255, 0, 0]) + body


def fcgi(script, query="", body=b""):
    params = {"SCRIPT_FILENAME": script, "SCRIPT_NAME": "/" + os.path.basename(script), "QUERY_STRING": query,
              "REQUEST_METHOD": "POST" if body else "GET", "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "text/plain",
              "REQUEST_URI": "/", "SERVER_PROTOCOL": "HTTP/1.0", "GATEWAY_INTERFACE": "CGI/1.1"}
    p = b"".join(bytes([len(k), len(v)]) + k.encode() + v.encode() for k, v in params.items())
    return (record(1, b"\0\1\0\0\0\0\0\0") + record(4, p) + record(4)
            + (record(5, body) if body else b"") + record(5))


class Php(Peer):
    name, fresh, one = "php-fpm static", "interpreter reused, opcache", False
    needs, packages = ("php-fpm8.2",), ("php8.2-fpm", "php8.2-opcache")

    def version(self):
        return first_line(["php-fpm8.2", "-v"])

    def start(self, sessions=8, ondemand=False):
        d = self.dir
        self.file("hello.php", f'<?php echo "{HELLO}\\n"; flush();', 0o644)
        self.file("cpu.php", '<?php $n=(int)$_GET["n"]; $s=0; for($i=1;$i<=$n;$i++) $s+=$i; echo "sum=$s\\n";', 0o644)
        self.file("eval.php", '<?php eval(file_get_contents("php://input"));', 0o644)
        self.file("lines.php", '<?php $n=(int)$_GET["n"]; $f=isset($_GET["flush"]); for($i=1;$i<=$n;$i++){ '
                  f'echo sprintf("%08d %s\\n",$i,"{PAD}"); if($f) flush(); }}', 0o644)
        self.file("trickle.php", f'<?php for($i=0;$i<{STAMPS};$i++){{ echo "T ".hrtime(true)."\\n"; flush(); usleep($i%2 ? {GAPS[1]}000 : {GAPS[0]}000); }}', 0o644)
        self.file("hold.php", f'<?php if(isset($_GET["mb"])) $a=array_fill(0,65536,1); echo "{HELLO}\\n"; flush(); fopen("{d}/fifo","r");', 0o644)
        if not os.path.exists(f"{d}/fifo"):
            os.mkfifo(f"{d}/fifo")
            os.chmod(f"{d}/fifo", 0o666)
        one = "pm.max_requests = 1\n" if self.one else ""
        self.file("fpm.conf", f"""[global]
error_log = {d}/fpm.log
daemonize = no
log_level = warning
[www]
user = www-data
group = www-data
listen = {d}/fpm.sock
listen.mode = 0666
pm = {"ondemand" if ondemand else "static"}
pm.max_children = {sessions}
{one}request_terminate_timeout = 120
php_admin_value[output_buffering] = 0
php_admin_value[max_execution_time] = 0
""")
        self.addr = f"unix:{d}/fpm.sock"
        self.spawn(["php-fpm8.2", "-F", "-y", f"{d}/fpm.conf"], self.addr)

    def ask(self, script, query="", body=b"", needle=HELLO):
        return Req(self.addr, fcgi(f"{self.dir}/{script}", query, body), needle, "fcgi")

    def c1(self): return self.ask("hello.php")
    def trickle(self): return self.ask("trickle.php")
    def hold(self, mb, i): return self.ask("hold.php", "mb=1" if mb else "")
    def c3(self, n, subs): return self.ask("lines.php", f"n={n}&flush=1")

    def c2(self, script, n=0):
        if script == "cpu":
            return self.ask("cpu.php", f"n={n}", needle=f"sum={n * (n + 1) // 2}")
        return self.ask("hello.php")


class PhpOne(Php):
    name, fresh, one = "php-fpm, 1 request per child", "fresh forked child, opcache", True
    gap_us = 4000        # a replacement child costs about 2 ms

    def c3(self, n, subs): return None      # the same path as the static pool
    def trickle(self): return None


class PhpEval(PhpOne):
    name, fresh = "php-fpm, 1 per child, new text", "fresh forked child, text sent and compiled"

    def text(self, code, needle=HELLO):
        return self.ask("eval.php", "", (code + " /* ######## */").encode(), needle)

    def c1(self): return self.text(f'echo "{HELLO}\\n"; flush();')
    def hold(self, mb, i): return None

    def c2(self, script, n=0):
        if script == "cpu":
            return self.text(f'$s=0; for($i=1;$i<={n};$i++) $s+=$i; echo "sum=$s\\n";', f"sum={n * (n + 1) // 2}")
        return self.c1()


class PhpBuffered(Php):
    name = "php-fpm static, no flush per line"

    def c1(self): return None
    def c2(self, script, n=0): return None
    def trickle(self): return None
    def hold(self, mb, i): return None
    def c3(self, n, subs): return self.ask("lines.php", f"n={n}")


class NginxPhp(Php):
    name, needs = "nginx (buffering off) + php-fpm", ("php-fpm8.2", "nginx")
    packages = ("php8.2-fpm", "php8.2-opcache", "nginx-light")

    def version(self):
        return first_line(["nginx", "-v"])

    def start(self, sessions=8):
        super().start(sessions)
        d = self.dir
        temp = "\n".join(f"{m}_temp_path {d}/tmp;" for m in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        self.file("nginx.conf", f"""daemon off; user www-data; worker_processes 2; pid {d}/nginx.pid; error_log {d}/nginx.log;
events {{ worker_connections 512; }}
http {{ access_log off; {temp}
fastcgi_buffering off; fastcgi_read_timeout 120s;
server {{ listen unix:{d}/nginx.sock; location / {{ include /etc/nginx/fastcgi_params;
fastcgi_param SCRIPT_FILENAME {d}$fastcgi_script_name; fastcgi_pass unix:{d}/fpm.sock; }} }} }}
""")
        self.addr = f"unix:{d}/nginx.sock"
        if os.path.exists(f"{d}/nginx.sock"):
            os.unlink(f"{d}/nginx.sock")
        self.spawn(["nginx", "-c", f"{d}/nginx.conf"], self.addr)

    def ask(self, script, query="", body=b"", needle=HELLO):
        return Req(self.addr, get(f"/{script}?{query}"), needle, "http")

    def hold(self, mb, i): return None
