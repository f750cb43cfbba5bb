// One of these serves all tabs of a browser: it holds the one event stream.
import { Hub } from "./hub.js";

let hub = null;

self.onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) => {
    if (data.type === "begin") {
      hub ??= new Hub({ base: data.base, rpc: data.rpc });
      hub.join(port);
    } else if (data.type === "leave") {
      hub?.leave(port);
    } else {
      hub?.receive(port, data);
    }
  };
};
