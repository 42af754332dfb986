//! Which reference values are not compared, and which are contradicted on purpose.

/// What the product says instead of the library.
#[derive(Clone, Copy)]
pub(super) enum Policy {
    /// No value, with a reason.
    Undefined,
    /// These values.
    Values(&'static [f64]),
}

/// (group, names, why the product has no such function).
pub(super) const UNCOVERED: &[(&str, &[&str], &str)] = &[
    (
        "two_rater",
        &[
            "cohen_kappa_var",
            "cohen_kappa_var0",
            "cohen_kappa_ci_low",
            "cohen_kappa_ci_high",
            "irr_cohen_kappa_se",
            "irr_gwet_ac1_se",
            "weighted_kappa_linear_ci_sm",
            "weighted_kappa_quadratic_ci_sm",
            "gwet_ac2_linear_se",
            "gwet_ac2_quadratic_se",
        ],
        "intervals of chance-corrected coefficients come from the bootstrap: normal ones under-cover with skewed classes",
    ),
    (
        "two_rater",
        &["irr_percent_agreement_se", "irr_percent_agreement_ci"],
        "raw agreement has Wilson's interval, not a t interval that leaves [0, 1]",
    ),
    (
        "two_rater",
        &["irr_cohen_kappa_ci", "irr_gwet_ac1_ci"],
        "t intervals of the analytic standard errors; the product bootstraps",
    ),
    (
        "two_rater",
        &["irr_scott_pi_se", "irr_scott_pi_ci", "irr_krippendorff_alpha_se", "irr_krippendorff_alpha_ci"],
        "intervals of pi and alpha come from the bootstrap",
    ),
    (
        "two_rater",
        &["irr_brennan_prediger", "irr_brennan_prediger_se", "irr_brennan_prediger_ci"],
        "a third chance correction beside kappa and AC1 adds nothing",
    ),
    (
        "two_rater",
        &["weighted_kappa_linear_labels_inferred_WRONG", "weighted_kappa_quadratic_labels_inferred_WRONG"],
        "the trap itself: weights on observed instead of declared categories",
    ),
    (
        "multi_rater",
        &[
            "irr_fleiss_kappa",
            "irr_fleiss_kappa_se",
            "irr_conger_kappa",
            "irr_conger_kappa_se",
            "irr_gwet_ac1",
            "irr_gwet_ac1_se",
            "irr_brennan_prediger",
            "irr_brennan_prediger_se",
            "irr_krippendorff_alpha_se",
            "irr_gwet_ac2_linear",
            "irr_gwet_ac2_quadratic",
            "fleiss_kappa_sm",
            "krippendorff_alpha_ratio",
        ],
        "Krippendorff's alpha is the coefficient for many raters, its interval the bootstrap over items",
    ),
    (
        "numeric",
        &[
            "pearson_p",
            "pearson_ci95_fisher",
            "spearman_p",
            "kendall_tau_b_p",
            "kendall_tau_c",
            "wilcoxon_p",
            "paired_t_p",
            "bias_sd",
            "loa_95",
        ],
        "correlations and biases are shown with bootstrap intervals, not with tests of none or limits of agreement",
    ),
    (
        "proportion_ci",
        &["beta", "agresti_coull", "jeffreys", "normal", "wilson_cc"],
        "Wilson's is the interval of the product",
    ),
    (
        "two_proportions",
        &["z_pooled", "fisher_exact_p", "barnard_p"],
        "differences are shown with Newcombe's interval, not with a test",
    ),
    (
        "paired_table",
        &["mcnemar_chi2_cc", "mcnemar_chi2", "mcnemar_midp", "bhapkar", "stuart_maxwell"],
        "replays are tested by McNemar's exact test, or by Bowker's over several categories",
    ),
    (
        "distribution_drift",
        &["ks_asymp", "mannwhitney_p", "cramervonmises", "energy_distance", "wasserstein_1"],
        "Kolmogorov-Smirnov is exact at these sizes",
    ),
    (
        "histogram_drift",
        &[
            "psi",
            "psi_null_q95",
            "kl_p_q",
            "js_divergence_nats",
            "js_distance_base2",
            "total_variation",
            "hellinger",
            "g_test",
        ],
        "histograms are compared by the chi-squared test; no report shows a distance",
    ),
    (
        "multiple_testing",
        &["bonferroni", "bonferroni_reject", "holm", "holm_reject", "fdr_bh", "fdr_bh_reject"],
        "many tests are screened under false discovery control, whatever their dependence",
    ),
    (
        "ppi",
        &[
            "classical_mean",
            "classical_ci",
            "classical",
            "ppi_lam1_point",
            "ppi_lam1_ci",
            "ppi_lam1_p_theta0_0.5",
            "ppi_plus_point",
            "ppi_plus_ci",
            "ppi_plus_p_theta0_0.5",
        ],
        "ppi-python divides by n where the product divides by n - 1; glide's values (g01) are compared instead",
    ),
    ("ppi", &["ppi_lam1"], "the product tunes how much the judge counts"),
    (
        "ppi",
        &["stratified_ppi_plus", "stratified_ppi_lam1", "clustered_classical"],
        "labels are not drawn within strata; without the judge's scores the interval is that of a share",
    ),
    (
        "active_inference",
        &["asi_power_tuned", "asi_lam1_aipw", "ipw_classical"],
        "labels drawn with unequal probabilities are weighted, without the judge's scores",
    ),
    ("bca", &["percentile_interval"], "bootstrap intervals are BCa"),
    ("design_weighted", &["ht_total", "hajek_poisson_formula"], "reports show means, with the larger variance"),
    (
        "reliability",
        &["ICC(1,1)", "ICC(A,1)", "ICC(C,1)", "ICC(1,k)", "ICC(A,k)", "ICC(C,k)"],
        "repeats of one judge are compared pair by pair",
    ),
    (
        "online_fdr",
        &[
            "lord_pp_levels",
            "lord_pp_reject",
            "saffron_levels",
            "saffron_reject",
            "lond_levels",
            "lond_reject",
            "lond_dep_levels",
            "lond_dep_reject",
        ],
        "segments are re-examined together: e-BH",
    ),
    (
        "sequential",
        &["adwin_default", "page_hinkley_default", "page_hinkley_thr10_up", "ddm", "eddm", "hddm_a", "hddm_w"],
        "detectors without a calibrated run length are not shipped",
    ),
    (
        "sequential",
        &[
            "lambda_predmix_eb_alpha.05",
            "mart_m0.80_theta.5",
            "mart_lower_only_m0.95",
            "hedged_cs_t",
            "empbern_cs",
            "hoeffding_cs",
            "running_mean",
            "lower_bounds",
        ],
        "changes are found by e-detectors, not by sequences of confidence intervals",
    ),
    ("calibration", &["brier", "log_loss", "auroc", "average_precision"], "no judge reports a probability here"),
    (
        "e_values",
        &["elond_levels", "elond_reject", "betting_capital_down_stake_-0.8_m_0.9"],
        "segments are re-examined together: e-BH; detectors mix twelve stakes",
    ),
];

/// (case, name, what the product says, why it contradicts the library).
pub(super) const DIFFERS: &[(&str, &str, Policy, &str)] = &[
    ("t04_all_one_class_both", "mcc", Policy::Undefined, NO_MCC),
    ("t05_one_rater_constant", "mcc", Policy::Undefined, NO_MCC),
    ("t06_both_constant_disagree", "mcc", Policy::Undefined, NO_MCC),
    ("t09_one_item", "mcc", Policy::Undefined, NO_MCC),
    (
        "q02_mcnemar_nodiscord",
        "bowker",
        Policy::Values(&[0.0, 1.0, 0.0]),
        "degrees of freedom count pairs that occurred",
    ),
    (
        "q04_bowker5_zeros",
        "bowker",
        Policy::Values(&[7.657_142_857_142_857, 0.104_976_288_814_761_98, 4.0]),
        "degrees of freedom count pairs that occurred",
    ),
];

const NO_MCC: &str = "0/0 is undefined, not 0";
