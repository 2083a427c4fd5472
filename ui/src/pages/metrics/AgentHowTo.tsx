// How to have another machine measured: on the machine, on the way there, and here.
import { AGENT_TOML } from "../../lib/snippets";
import { HowTo } from "./HowTo";

export function AgentHowTo() {
  return (
    <HowTo label="Configuration of an agent" text={AGENT_TOML}>
      <p>An agent measures one machine: its processors, disks and containers.</p>
      <ol>
        <li>
          Run <code>hostler-agent</code> there. Its <code>/etc/hostler/agent.toml</code> needs an
          address that the server can reach (<code>listen</code>), a <code>token_file</code> with 16
          characters or more that only the agent may read, and a certificate of that machine (
          <code>tls_certificate</code>, <code>tls_key</code>).
        </li>
        <li>
          Without a certificate everybody on the way may read what is sent; then <code>url</code>{" "}
          begins with <code>http:</code>.
        </li>
        <li>
          Put this into the server's configuration, with the same token in the server's{" "}
          <code>token_file</code>, and with <code>ca_file</code> where the system does not trust the
          agent's certificate. Have it read again with <code>systemctl reload hostlerd</code>.
        </li>
      </ol>
    </HowTo>
  );
}
