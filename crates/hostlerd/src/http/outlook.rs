//! What will be of things, as far as their history says.

use std::time::Duration;

use hostler_api::v1::{
    self, Anomaly, ForecastTest, OutlookForecast, OutlookHistory, OutlookMissing, OutlookResource,
    OutlookSize, OutlookTerms, OutlookTrend, SizeFigure, TimeToFull, TrendTest,
};
use hostler_api::{Ref, Time};
use hostler_core::Timestamp;
use hostler_core::forecast::NotEnough;
use hostler_core::forecast::anomaly::{Finding, FindingKind};
use hostler_core::forecast::seasonal::{Ahead, Forecast, HELD};
use hostler_core::forecast::sizing::Size;
use hostler_core::forecast::trend::{Arrival, BackTest, Trend};
use hostler_engine::{
    Full, HORIZON, Look, Missing, Outlook, ResourceOutlook, SizeOutlook, Verdict,
};

use super::error::Result;
use super::{Api, Call, Reply, ids};
use crate::app::App;

/// The most steps of a forecast that are told.
const STEPS_MAX: usize = 100;
const DAY_SECONDS: f64 = 86_400.0;

pub(super) fn route(api: Api) -> Api {
    api.route(v1::VmOutlook, of_vm).route(v1::HostOutlook, of_host).route(v1::PoolOutlook, of_pool)
}

async fn of_vm(app: App, call: Call<v1::VmOutlook>) -> Result<Reply<v1::Outlook>> {
    let vm = app.engine.vms().get(ids::of_path(&call.path.vm)?)?;
    let found = app.engine.outlooks().of_vm(&vm, horizon(&call.query)).await?;
    Ok(Reply::of(outlook(Ref::new(vm.id, &vm.name), vm.simulated, &found)))
}

async fn of_host(app: App, call: Call<v1::HostOutlook>) -> Result<Reply<v1::Outlook>> {
    let host = app.engine.hosts().get(ids::of_path(&call.path.host)?)?;
    let found = app.engine.outlooks().of_host(&host, horizon(&call.query)).await?;
    Ok(Reply::of(outlook(Ref::new(host.id, &host.name), host.simulated, &found)))
}

async fn of_pool(app: App, call: Call<v1::PoolOutlook>) -> Result<Reply<v1::Outlook>> {
    let pool = app.engine.pools().get(ids::of_path(&call.path.pool)?)?;
    let found = app.engine.outlooks().of_pool(&pool, horizon(&call.query)).await?;
    let of = Ref::new(pool.id, &pool.observed.name);
    Ok(Reply::of(outlook(of, pool.simulated, &found)))
}

fn horizon(terms: &OutlookTerms) -> Duration {
    terms.horizon_seconds.map_or(HORIZON, |seconds| Duration::from_secs(seconds.into()))
}

fn outlook(of: Ref, simulated: bool, found: &Outlook) -> v1::Outlook {
    v1::Outlook {
        of,
        simulated,
        computed_at: Time(found.at),
        horizon_seconds: seconds(found.horizon),
        resources: found.resources.iter().map(resource).collect(),
        left_out: count(found.left_out),
        sizing: found.sizes.iter().map(size).collect(),
    }
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn at(ms: i64) -> Time {
    Time(Timestamp::from_millis(ms))
}

fn resource(found: &ResourceOutlook) -> OutlookResource {
    let mut missing = Vec::new();
    let mut miss = |of: &str, why: &Missing| missing.push(told(of, why));
    let trend = found.trend.as_ref().map(trend).map_err(|why| miss("trend", why)).ok();
    let time_to_full = match &found.full {
        None => None,
        Some(Err(why)) => {
            miss("time_to_full", why);
            None
        }
        Some(Ok(full)) => {
            if let Err(why) = &full.back_test {
                miss("back_test", why);
            }
            Some(time_to_full(full))
        }
    };
    let ahead = found.forecast.as_ref().map_err(|why| miss("forecast", why)).ok();
    let mut anomalies = Vec::new();
    for (look, looked) in &found.unusual {
        match looked {
            Ok(unusual) => anomalies.extend(unusual.as_ref().map(anomaly)),
            Err(why) => miss(
                match look {
                    Look::HourOfDay => "anomalies.hour_of_day",
                    Look::Level => "anomalies.level",
                },
                why,
            ),
        }
    }
    OutlookResource {
        resource: found.resource.to_owned(),
        labels: found.labels.clone(),
        unit: found.unit.as_str().to_owned(),
        query: found.query.clone(),
        recent: found.recent,
        limit: found.limit,
        history: OutlookHistory {
            values: count(found.past.values),
            since: found.past.reach.map(|(since, _)| Time(since)),
            until: found.past.reach.map(|(_, until)| Time(until)),
            step_seconds: seconds(found.past.step),
            resolution_seconds: found.past.resolution.map(seconds),
        },
        trend,
        time_to_full,
        forecast: ahead.and_then(forecast),
        anomalies,
        missing,
    }
}

fn trend(of: &Trend) -> OutlookTrend {
    OutlookTrend {
        per_day: of.slope * DAY_SECONDS,
        per_day_low: of.slope_interval.low * DAY_SECONDS,
        per_day_high: of.slope_interval.high * DAY_SECONDS,
        spread: of.spread,
        looked_back_seconds: seconds(of.span),
    }
}

fn time_to_full(full: &Full) -> TimeToFull {
    let (state, earliest, likely, latest) = match full.arrival {
        Arrival::Reached => ("full", None, None, None),
        Arrival::NotWithin => ("not_within_horizon", None, None, None),
        Arrival::At { earliest_ms, likely_ms, latest_ms } => {
            ("filling", Some(at(earliest_ms)), Some(at(likely_ms)), latest_ms.map(at))
        }
    };
    let tested = |it: &BackTest| TrendTest {
        trials: count(it.trials),
        ahead_seconds: seconds(it.ahead),
        mean_error: it.mean_error,
        naive_error: it.naive_error,
    };
    let back_test = full.back_test.as_ref().ok().map(tested);
    TimeToFull { state: state.to_owned(), earliest, likely, latest, back_test }
}

fn forecast(of: &Forecast) -> Option<OutlookForecast> {
    let last = of.ahead.last()?;
    let every = of.ahead.len().div_ceil(STEPS_MAX).max(1);
    // The last is always one of them.
    let mut steps: Vec<(i64, f64, f64, f64)> =
        of.ahead.iter().rev().step_by(every).map(step).collect();
    steps.reverse();
    let tested = of.back_test;
    Some(OutlookForecast {
        model: of.model.as_str().to_owned(),
        at: at(last.at_ms),
        value: last.value,
        low: last.interval.low,
        high: last.interval.high,
        steps,
        back_test: ForecastTest {
            trials: count(tested.trials),
            mean_error: tested.mean_error,
            mean_share: tested.mean_share,
            held: tested.held,
            held_wanted: HELD,
            naive_error: tested.naive_error,
        },
    })
}

fn step(ahead: &Ahead) -> (i64, f64, f64, f64) {
    (ahead.at_ms, ahead.value, ahead.interval.low, ahead.interval.high)
}

fn anomaly(of: &Finding) -> Anomaly {
    let kind = match of.kind {
        FindingKind::HourOfDay => "hour_of_day",
        FindingKind::Level => "level",
    };
    Anomaly {
        kind: kind.to_owned(),
        seen: of.seen,
        expected_low: of.expected.low,
        expected_high: of.expected.high,
        since: at(of.since_ms),
        distance: of.distance,
        reason: of.reason.clone(),
    }
}

fn told(of: &str, missing: &Missing) -> OutlookMissing {
    #[expect(clippy::cast_precision_loss, reason = "counts of values that were read")]
    let number = |count: usize| count as f64;
    let (why, amounts) = match missing {
        Missing::NotMeasured(_) => ("not_measured", None),
        Missing::Stale(_) => ("stale", None),
        Missing::Returned(_) => ("returned", None),
        Missing::NoLimit => ("no_limit", None),
        Missing::Refused(_) => ("not_read", None),
        Missing::NotEnough(not_enough) => match not_enough {
            NotEnough::Points { have, need } => {
                ("not_enough_data", Some((number(*have), number(*need), Some("values"))))
            }
            NotEnough::Span { have, need } => {
                let amounts = (have.as_secs_f64(), need.as_secs_f64(), Some("seconds"));
                ("not_enough_data", Some(amounts))
            }
            NotEnough::Gaps { have, need } => {
                ("not_enough_data", Some((*have, *need, Some("ratio"))))
            }
            NotEnough::Noise => ("scattered", None),
            NotEnough::Constant => ("constant", None),
            NotEnough::Turned { .. } => ("turned", None),
            NotEnough::NoModel { error, naive_error } => {
                ("no_model", Some((*error, *naive_error, None)))
            }
        },
    };
    // What could not be tried has no error that JSON could tell.
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    OutlookMissing {
        of: of.to_owned(),
        why: why.to_owned(),
        have: amounts.and_then(|(have, _, _)| finite(have)),
        need: amounts.and_then(|(_, need, _)| finite(need)),
        unit: amounts.and_then(|(_, _, unit)| unit).map(str::to_owned),
        reason: missing.to_string(),
    }
}

fn size(found: &SizeOutlook) -> OutlookSize {
    let of = match found.of {
        Size::Vcpus => "cpu_count",
        Size::MemoryBytes => "memory_bytes",
    };
    let (verdict, suggested, reason) = match &found.verdict {
        Ok(Verdict::Fits) => ("fits", None, None),
        Ok(Verdict::HostShort(waits)) => {
            let percent = waits * 100.0;
            let reason = format!(
                "5 % of the time it waits for the host's processors {percent:.0} % of the time or \
                 more: more of them would wait as well, and what it would use is not seen"
            );
            ("host_short", None, Some(reason))
        }
        Ok(Verdict::Change { to, reason }) => ("change", Some(*to), Some(reason.clone())),
        Err(why) => ("unknown", None, Some(why.to_string())),
    };
    let figures = found.figures.iter().map(|(name, unit, figures)| SizeFigure {
        name: (*name).to_owned(),
        unit: unit.as_str().to_owned(),
        p95: figures.p95,
        p99: figures.p99,
        values: count(figures.points),
        step_seconds: seconds(found.step),
        looked_back_seconds: seconds(figures.span),
    });
    OutlookSize {
        of: of.to_owned(),
        has: found.has,
        verdict: verdict.to_owned(),
        suggested,
        reason,
        figures: figures.collect(),
        missing: found.verdict.as_ref().err().map(|why| told("sizing", why)),
    }
}

#[cfg(test)]
mod tests {
    use hostler_core::forecast::Interval;
    use hostler_core::forecast::seasonal::{self, Model};

    use super::*;

    #[test]
    fn a_long_forecast_is_told_in_few_steps_and_its_last_is_one_of_them() {
        let ahead =
            |at_ms: i64| Ahead { at_ms, value: 1.0, interval: Interval { low: 0.0, high: 2.0 } };
        let back_test = seasonal::BackTest {
            trials: 24,
            mean_error: 0.0,
            mean_share: None,
            held: 1.0,
            naive_error: 0.0,
        };
        for length in [1, 99, 100, 101, 360] {
            let ahead = (1..=length).map(ahead).collect();
            let told = forecast(&Forecast { model: Model::Day, ahead, back_test }).unwrap();
            assert_eq!(told.steps.last().unwrap().0, length);
            assert_eq!(told.at, at(length));
            assert!(told.steps.len() <= STEPS_MAX && told.steps.is_sorted_by_key(|it| it.0));
        }
    }

    #[test]
    fn d22_an_error_that_is_none_is_null_and_still_told_in_words() {
        let infinite = NotEnough::NoModel { error: f64::INFINITY, naive_error: 1.0 };
        let missing = told("forecast", &Missing::NotEnough(infinite));
        assert_eq!(
            (missing.why.as_str(), missing.have, missing.need),
            ("no_model", None, Some(1.0))
        );
        let short = NotEnough::Points { have: 3, need: 30 };
        let missing = told("trend", &Missing::NotEnough(short));
        assert_eq!((missing.have, missing.need), (Some(3.0), Some(30.0)));
        assert_eq!(missing.unit.as_deref(), Some("values"));
    }
}
