// What is put into the server's configuration, or typed, to get the first agent,
// output or metric of one's own: as the documentation says it, which a test compares.

export const AGENT_TOML = `[[agents]]
name = "h1"
url = "https://h1.example.org:9177"
token_file = "/etc/hostler/h1.token"`;

export const OUTPUT_TOML = `[[history.outputs]]
name = "central"
kind = "remote_write"
url = "https://prometheus.example.org/api/v1/write"
user = "hostler"
password_file = "/etc/hostler/central.password"`;

export const PUSH_COMMANDS = `hostler token create backup-of-web --role pusher > pusher.token
chmod 600 pusher.token
hostler --token-file pusher.token metric push backup_age_seconds 3600 --vm web`;
