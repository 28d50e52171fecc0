// ICE servers are always ours to name: simple-peer's defaults call public hosts. None are configured by default.

/** The configuration of every connection. */
export function iceConfiguration(): RTCConfiguration {
  return { iceServers: [] };
}
