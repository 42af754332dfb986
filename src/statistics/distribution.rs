//! Quantiles and tails of the distributions that the tests and intervals need.
//!
//! One place wraps the library: constructors there refuse bad parameters, here they yield NaN, which no
//! [`Estimate`](super::Estimate) lets out.

use statrs::distribution::{Binomial, ChiSquared, ContinuousCDF, DiscreteCDF, FisherSnedecor, Normal, StudentsT};

/// Quantile of the standard normal distribution.
pub fn normal_quantile(p: f64) -> f64 {
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    Normal::standard().inverse_cdf(p)
}

/// Distribution function of the standard normal distribution.
pub fn normal_cdf(x: f64) -> f64 {
    Normal::standard().cdf(x)
}

/// The normal quantile of a two-sided interval: 1.959964 at 0.95.
pub fn two_sided_z(confidence: f64) -> f64 {
    normal_quantile(0.5 + confidence / 2.0)
}

/// The quantile of Student's t for a two-sided interval. From a million degrees of freedom on it is the normal one to six
/// digits, and the library's search takes minutes.
pub fn two_sided_t(confidence: f64, degrees_of_freedom: f64) -> f64 {
    const AS_GOOD_AS_NORMAL: f64 = 1e6;
    if degrees_of_freedom >= AS_GOOD_AS_NORMAL {
        return two_sided_z(confidence);
    }
    StudentsT::new(0.0, 1.0, degrees_of_freedom).map_or(f64::NAN, |t| t.inverse_cdf(0.5 + confidence / 2.0))
}

/// P(T <= x) of Student's t.
pub fn student_t_cdf(x: f64, degrees_of_freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, degrees_of_freedom).map_or(f64::NAN, |t| t.cdf(x))
}

/// P(X >= x) of the chi-squared distribution; 1 at zero degrees of freedom, where nothing can be rejected.
pub fn chi_squared_tail(x: f64, degrees_of_freedom: f64) -> f64 {
    if degrees_of_freedom <= 0.0 || x <= 0.0 {
        return 1.0;
    }
    ChiSquared::new(degrees_of_freedom).map_or(f64::NAN, |chi2| chi2.sf(x))
}

/// Quantile of the F distribution.
pub fn f_quantile(p: f64, numerator: f64, denominator: f64) -> f64 {
    FisherSnedecor::new(numerator, denominator).map_or(f64::NAN, |f| f.inverse_cdf(p))
}

/// P(X <= k) for X ~ Binomial(n, p).
pub fn binomial_cdf(k: u64, n: u64, p: f64) -> f64 {
    Binomial::new(p, n).map_or(f64::NAN, |binomial| binomial.cdf(k))
}
