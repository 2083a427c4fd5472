//! With real servers of others: Prometheus, which scrapes the real server, and stores that are
//! sent to.

mod alertmanager;
mod churn;
mod custom_metrics;
mod dashboards;
mod images;
mod outputs;
mod prometheus;
