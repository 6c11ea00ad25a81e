//! Delivery offers: every carrier from every depot, the best few kept.

use serde::Serialize;

/// Name, latitude and longitude in degrees.
const DEPOTS: [(&str, f64, f64); 24] = [
    ("Amsterdam", 52.37, 4.90),
    ("Antwerp", 51.22, 4.40),
    ("Basel", 47.56, 7.59),
    ("Berlin", 52.52, 13.40),
    ("Bordeaux", 44.84, -0.58),
    ("Brno", 49.20, 16.61),
    ("Cologne", 50.94, 6.96),
    ("Copenhagen", 55.68, 12.57),
    ("Gdansk", 54.35, 18.65),
    ("Gothenburg", 57.71, 11.97),
    ("Graz", 47.07, 15.44),
    ("Hamburg", 53.55, 9.99),
    ("Krakow", 50.06, 19.94),
    ("Leipzig", 51.34, 12.37),
    ("Lille", 50.63, 3.06),
    ("Linz", 48.31, 14.29),
    ("Lyon", 45.76, 4.84),
    ("Malmo", 55.60, 13.00),
    ("Milan", 45.46, 9.19),
    ("Munich", 48.14, 11.58),
    ("Nantes", 47.22, -1.55),
    ("Poznan", 52.41, 16.93),
    ("Rotterdam", 51.92, 4.48),
    ("Stuttgart", 48.78, 9.18),
];

/// Carriers that drive from every depot.
const CARRIERS: [Carrier; 8] = [
    Carrier { name: "parcel", base: 390, per_kg: 35, per_100_km: 12, km_per_hour: 22.0 },
    Carrier { name: "parcel express", base: 890, per_kg: 60, per_100_km: 30, km_per_hour: 45.0 },
    Carrier { name: "rail", base: 640, per_kg: 12, per_100_km: 9, km_per_hour: 30.0 },
    Carrier { name: "truck", base: 1490, per_kg: 8, per_100_km: 21, km_per_hour: 38.0 },
    Carrier { name: "courier", base: 2900, per_kg: 45, per_100_km: 140, km_per_hour: 75.0 },
    Carrier { name: "post", base: 310, per_kg: 55, per_100_km: 4, km_per_hour: 14.0 },
    Carrier { name: "pickup point", base: 250, per_kg: 48, per_100_km: 10, km_per_hour: 16.0 },
    Carrier { name: "bike hub", base: 520, per_kg: 75, per_100_km: 66, km_per_hour: 18.0 },
];

/// Offers kept with an order.
const KEPT: usize = 5;

/// Mean radius of the earth, km (IUGG).
const EARTH_RADIUS_KM: f64 = 6371.0;

struct Carrier {
    name: &'static str,
    /// Cents.
    base: u64,
    /// Cents for every kilogram begun.
    per_kg: u64,
    /// Cents for every 100 km begun.
    per_100_km: u64,
    km_per_hour: f64,
}

/// One way to deliver an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Offer {
    pub(super) label: String,
    pub(super) cents: u64,
    pub(super) hours: u64,
}

/// The best offers for a customer, cheapest first, then fastest, then by name.
///
/// Every offer is built with its label before the best are chosen, as services do that list
/// everything for a later stage: some 200 short strings that live for microseconds.
#[inline(never)]
pub(super) fn best_offers(customer: &str, weight_grams: u64) -> Vec<Offer> {
    let home = home_of(customer);
    let kilograms = weight_grams.div_ceil(1000);
    let mut offers = Vec::new();
    for (depot, latitude, longitude) in DEPOTS {
        let km = distance_km(home, (latitude, longitude));
        for carrier in &CARRIERS {
            let hours = (km / carrier.km_per_hour).ceil() as u64 + 4;
            let cents = carrier.base + carrier.per_kg * kilograms + carrier.per_100_km * (km / 100.0).ceil() as u64;
            offers.push(Offer { label: format!("{} from {depot}, {km:.0} km", carrier.name), cents, hours });
        }
    }
    offers.sort_by(|a, b| (a.cents, a.hours, &a.label).cmp(&(b.cents, b.hours, &b.label)));
    offers.truncate(KEPT);
    offers.shrink_to_fit();
    offers
}

/// Where a customer lives: a point of central Europe that depends on the name alone (FNV-1a).
fn home_of(customer: &str) -> (f64, f64) {
    let hash = customer
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let fraction = |bits: u64| (bits & 0xffff) as f64 / 65_536.0;
    (44.0 + 13.0 * fraction(hash >> 8), -1.0 + 20.0 * fraction(hash >> 32))
}

/// Great-circle distance by the haversine formula; points are (latitude, longitude) in degrees.
fn distance_km(from: (f64, f64), to: (f64, f64)) -> f64 {
    let half_sine = |a: f64, b: f64| ((b - a).to_radians() / 2.0).sin().powi(2);
    let h = half_sine(from.0, to.0) + from.0.to_radians().cos() * to.0.to_radians().cos() * half_sine(from.1, to.1);
    2.0 * EARTH_RADIUS_KM * h.sqrt().asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn berlin_to_munich_is_504_km() {
        let km = distance_km((52.52, 13.40), (48.14, 11.58));
        assert!((km - 504.0).abs() < 2.0, "{km}");
    }

    #[test]
    fn offers_are_few_sorted_and_the_same_every_time() {
        let offers = best_offers("42", 2_400);
        assert_eq!(offers, best_offers("42", 2_400));
        assert_eq!(offers.len(), KEPT);
        assert!(offers.is_sorted_by_key(|o| (o.cents, o.hours)));
        insta::assert_debug_snapshot!(offers[0], @r#"
        Offer {
            label: "pickup point from Hamburg, 96 km",
            cents: 404,
            hours: 11,
        }
        "#);
    }

    #[test]
    fn heavier_orders_cost_more_and_customers_live_apart() {
        assert!(best_offers("42", 30_000)[0].cents > best_offers("42", 1_000)[0].cents);
        assert_ne!(home_of("1"), home_of("2"));
    }
}
