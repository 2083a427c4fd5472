//! Instance types and preferences: what providers offer, asked when somebody looks, and the
//! size that a VM takes from them before it is placed (ADR 30).
//!
//! ```text
//!   request ─► which provider? ─► its offer ─► the type's size, what the preference asks
//!              named, or that of the host,         └─► the specification, which says both,
//!              or the one that has the type             and goes to that provider
//! ```

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use hostler_core::error::Fault;
use hostler_core::id::ProviderId;
use hostler_core::placement::Wish;
use hostler_core::vm::{InstanceType, Preference, TypeRef, VmSpec, instance_type};
use hostler_core::{Code, Error, Result};
use hostler_provider::{self as provider, Cx, Group, Offered, Provider};
use tokio::task::JoinSet;

use crate::operations::lacks;
use crate::{Inner, SilentProvider};

/// Instance types and preferences.
pub struct InstanceTypes<'a> {
    engine: &'a Arc<Inner>,
}

/// Something that a provider offers, as it is told.
#[derive(Debug, Clone)]
pub struct OfferView<T> {
    /// What the provider tells, just now.
    pub observed: T,
    /// The provider and its name.
    pub provider: (ProviderId, String),
    /// Whether it is made up.
    pub simulated: bool,
}

/// What all providers tell.
#[derive(Debug, Clone)]
pub struct ToldOffers<T> {
    /// What they offer.
    pub items: Vec<OfferView<T>>,
    /// What could not be read: of which provider, and why. There may be more than is told.
    pub unread: Vec<SilentProvider>,
}

impl<'a> InstanceTypes<'a> {
    pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
        Self { engine }
    }

    /// The instance types of all providers. Those without any such thing tell nothing, and
    /// those that do not answer are told in the answer.
    pub async fn list(&self) -> ToldOffers<InstanceType> {
        self.engine.offers(&INSTANCE_TYPES).await
    }

    /// The preferences of all providers, likewise.
    pub async fn preferences(&self) -> ToldOffers<Preference> {
        self.engine.offers(&PREFERENCES).await
    }
}

/// A question to a provider.
type Ask<T> = for<'a> fn(
    &'a dyn provider::InstanceTypes,
    &'a Cx,
)
    -> Pin<Box<dyn Future<Output = provider::Result<Offered<T>>> + Send + 'a>>;

/// One of the two things that are offered.
struct Noun<T> {
    word: &'static str,
    /// Its field in a specification.
    field: &'static str,
    missing: Code,
    ask: Ask<T>,
    id: fn(&T) -> &TypeRef,
}

const INSTANCE_TYPES: Noun<InstanceType> = Noun {
    word: "instance type",
    field: "/instance_type",
    missing: Code::InstanceTypeNotFound,
    ask: |types, cx| types.instance_types(cx),
    id: |one| &one.id,
};

const PREFERENCES: Noun<Preference> = Noun {
    word: "preference",
    field: "/preference",
    missing: Code::PreferenceNotFound,
    ask: |types, cx| types.preferences(cx),
    id: |one| &one.id,
};

impl Inner {
    /// Gives a specification the size of its instance type, and a wish the provider that has
    /// it. Nothing happens to one that names neither type nor preference.
    ///
    /// # Errors
    /// `InstanceTypeNotFound`, `PreferenceNotFound` with near names; `SpecInvalid` where the
    /// size contradicts, a preference asks for more, or several providers have the type;
    /// whatever a provider that was named fails of.
    pub(crate) async fn of_types(&self, spec: &mut VmSpec, wish: &mut Wish) -> Result<()> {
        if let Some(wanted) = spec.instance_type.clone() {
            let found = self.offered(&INSTANCE_TYPES, &wanted, wish).await?;
            spec.size_by(&found)?;
        }
        if let Some(wanted) = spec.preference.clone() {
            let found = self.offered(&PREFERENCES, &wanted, wish).await?;
            spec.check_preference(&found)?;
        }
        Ok(())
    }

    /// What is of that name at the provider that is wished for, or at the only one that has
    /// it, which is then the one wished for.
    async fn offered<T: Send + 'static>(
        &self,
        noun: &Noun<T>,
        wanted: &TypeRef,
        wish: &mut Wish,
    ) -> Result<T> {
        let told = match self.meant(wish) {
            Some(id) => self.offers_of(noun, id).await?,
            None => self.offers(noun).await,
        };
        let names: Vec<TypeRef> =
            told.items.iter().map(|one| (noun.id)(&one.observed).clone()).collect();
        let is_it = |one: &OfferView<T>| (noun.id)(&one.observed) == wanted;
        let mut found = told.items.into_iter().filter(is_it);
        match (found.next(), found.next()) {
            (Some(one), None) => {
                wish.provider = Some(one.provider.0);
                Ok(one.observed)
            }
            (Some(one), Some(other)) => {
                let detail = format!(
                    "\"{wanted}\" is offered by the providers \"{}\" and \"{}\"; name the provider",
                    one.provider.1, other.provider.1
                );
                let fault = Fault::new(noun.field, "ambiguous", detail);
                Err(Error::faults(Code::SpecInvalid, vec![fault]))
            }
            (None, _) => {
                let error = instance_type::unknown(noun.missing, noun.word, wanted, &names);
                Err(with_unread(error, &told.unread))
            }
        }
    }

    /// The provider that a VM goes to in any case.
    fn meant(&self, wish: &Wish) -> Option<ProviderId> {
        let snapshot = self.fleet.snapshot();
        let of_host = || Some(snapshot.hosts.get(&wish.host?)?.provider.0);
        wish.provider.or_else(of_host)
    }

    /// What one provider offers.
    async fn offers_of<T: Send + 'static>(
        &self,
        noun: &Noun<T>,
        id: ProviderId,
    ) -> Result<ToldOffers<T>> {
        let live = self.provider(id)?;
        let offered = ask(&live, noun.ask, &self.patience()).await?;
        let (name, simulated) = self.called(id);
        Ok(views(offered, &(id, name), simulated))
    }

    /// What all providers offer.
    async fn offers<T: Send + 'static>(&self, noun: &Noun<T>) -> ToldOffers<T> {
        let snapshot = self.fleet.snapshot();
        let mut asked = JoinSet::new();
        for view in snapshot.providers.values() {
            let (place, simulated) = ((view.row.id, view.row.name.clone()), view.simulated);
            let (question, cx) = (noun.ask, self.patience());
            // One that is not there any more has nothing to tell.
            let Ok(live) = self.provider(place.0) else { continue };
            asked.spawn(async move { (ask(&live, question, &cx).await, place, simulated) });
        }
        let mut told = ToldOffers { items: Vec::new(), unread: Vec::new() };
        for (answer, place, simulated) in asked.join_all().await {
            match answer {
                Ok(offered) => {
                    let of_one = views(offered, &place, simulated);
                    told.items.extend(of_one.items);
                    told.unread.extend(of_one.unread);
                }
                Err(error) if error.code() == Code::CapabilityMissing => {}
                Err(error) => {
                    told.unread.push(silent(&place, error.message().to_owned()));
                }
            }
        }
        told.unread.sort();
        told
    }

    fn patience(&self) -> Cx {
        Cx::within(self.pace.inventory_deadline).with_clock(self.clock.clone())
    }

    fn called(&self, id: ProviderId) -> (String, bool) {
        let snapshot = self.fleet.snapshot();
        let view = snapshot.providers.get(&id);
        view.map_or_else(|| (id.to_string(), false), |it| (it.row.name.clone(), it.simulated))
    }
}

fn views<T>(offered: Offered<T>, place: &(ProviderId, String), simulated: bool) -> ToldOffers<T> {
    let view = |observed| OfferView { observed, provider: place.clone(), simulated };
    let unread = offered.unread.into_iter().map(|why| silent(place, why));
    ToldOffers { items: offered.items.into_iter().map(view).collect(), unread: unread.collect() }
}

fn silent((id, name): &(ProviderId, String), reason: String) -> SilentProvider {
    SilentProvider { name: name.clone(), id: *id, reason }
}

/// The refusal of a name, with what was not read: it may be there.
fn with_unread(error: Error, unread: &[SilentProvider]) -> Error {
    if unread.is_empty() {
        return error;
    }
    let unread = unread.iter().map(|one| format!("{}: {}", one.name, one.reason));
    let unread: Vec<String> = unread.collect();
    let message = format!("{}; not all could be read ({})", error.message(), unread.join("; "));
    Error::new(error.code(), message)
}

async fn ask<T>(live: &Arc<dyn Provider>, question: Ask<T>, cx: &Cx) -> Result<Offered<T>> {
    let types = live.instance_types().ok_or_else(|| lacks(Group::InstanceTypes))?;
    Ok(cx.run("list instance types", question(types, cx)).await?)
}
