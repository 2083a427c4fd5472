//! Before the real Prometheus, which scrapes the real server.

mod churn;
mod dashboards;
mod prometheus;
