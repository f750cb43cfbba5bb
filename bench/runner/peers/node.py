"""node with piscina: a fresh vm context for each task, in threads that stay."""
import json
import os
import subprocess
import tempfile

from .base import GAPS, HELLO, PAD, STAMPS, Peer, Req, first_line

SERVER = """
import net from 'node:net';
import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
const pool = new Piscina({ filename: new URL('./task.cjs', import.meta.url).href, minThreads: 2,
                           maxThreads: +process.argv[3], concurrentTasksPerWorker: 1, idleTimeout: 600000 });
net.createServer(s => {
  let text = '';
  s.on('error', () => {});
  s.on('data', d => {
    text += d;
    if (!text.endsWith('\\0')) return;
    const code = text.slice(2, -1), live = text[0] === 'S';
    if (!live) return pool.run({ code }).then(r => s.end(r), e => s.end(String(e)));
    const { port1, port2 } = new MessageChannel();
    port1.on('message', m => { if (m === null) { port1.close(); s.end(); } else s.write(m); });
    pool.run({ code, port: port2 }, { transferList: [port2] }).catch(e => s.end(String(e)));
  });
}).listen(process.argv[2], 511);
"""
TASK = """
const vm = require('node:vm');
module.exports = ({ code, port }) => {
  let out = '';
  const print = port ? t => port.postMessage(t + '\\n') : t => { out += t + '\\n'; };
  const sleep = ms => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  const stamp = () => String(process.hrtime.bigint());
  vm.runInContext(code, vm.createContext({ print, sleep, stamp }));
  if (port) port.postMessage(null);
  return out;
};
"""


class Piscina(Peer):
    name, fresh, needs = "node + piscina, fresh vm context", "thread reused, fresh context, text sent", ("node", "npm")
    packages = ("nodejs", "npm")
    lines = 300_000
    home = os.environ.get("PEERS_NPM", os.path.join(tempfile.gettempdir(), "peers_npm"))

    def missing(self):
        lost = super().missing()
        if not lost and not os.path.isdir(f"{self.home}/node_modules/piscina"):
            os.makedirs(self.home, exist_ok=True)
            subprocess.run(["npm", "install", "--prefix", self.home, "piscina@4"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=300)
            if not os.path.isdir(f"{self.home}/node_modules/piscina"):
                lost = ["piscina"]
        return lost

    def version(self):
        v = json.load(open(f"{self.home}/node_modules/piscina/package.json"))["version"]
        return f"node {first_line(['node', '--version'])}, piscina {v}"

    def start(self, sessions=2):
        for name, text in (("server.mjs", SERVER), ("task.cjs", TASK)):
            self.file(name, text)
        if not os.path.exists(f"{self.dir}/node_modules"):
            os.symlink(f"{self.home}/node_modules", f"{self.dir}/node_modules")
        self.addr = f"unix:{self.dir}/node.sock"
        if os.path.exists(self.addr[5:]):
            os.unlink(self.addr[5:])
        self.spawn(["node", "server.mjs", self.addr[5:], str(sessions)], self.addr)

    def ask(self, code, needle=HELLO, live=True):
        return Req(self.addr, ("S\n" if live else "R\n").encode() + f"{code} // ########\0".encode(), needle, "raw")

    def c1(self): return self.ask(f"print('{HELLO}')")
    def trickle(self): return self.ask(f"for (let i=0;i<{STAMPS};i++) {{ print('T '+stamp()); sleep(i%2 ? {GAPS[1]} : {GAPS[0]}) }}")
    def c3(self, n, subs): return self.ask(f"for (let i=1;i<={n};i++) print(String(i).padStart(8,'0')+' {PAD}')") if subs <= 8 else None
    def hold(self, mb, i): return self.ask(("var a=new Array(131072).fill(1);" if mb else "") + f"print('{HELLO}'); sleep(60000)")

    def c2(self, script, n=0):
        if script == "cpu":
            return self.ask(f"let s=0; for (let i=1;i<={n};i++) s+=i; print('sum='+s)", f"sum={n * (n + 1) // 2}", False)
        return self.ask(f"print('{HELLO}')", live=False)
