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
    ("two_rater", &["cohen_kappa_var0"], "the variance under kappa = 0 serves a test that nobody asks for"),
    (
        "two_rater",
        &["irr_percent_agreement_se", "irr_percent_agreement_ci"],
        "raw agreement has Wilson's interval, not a t interval that leaves [0, 1]",
    ),
    (
        "two_rater",
        &["irr_cohen_kappa_ci", "irr_gwet_ac1_ci"],
        "t intervals of the analytic standard errors, which are compared themselves; the product bootstraps",
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
        ],
        "correlations are shown with bootstrap intervals, not with tests of no correlation",
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
    ("paired_table", &["mcnemar_chi2_cc", "mcnemar_chi2", "bhapkar"], "exact and mid-p McNemar; Stuart-Maxwell"),
    (
        "distribution_drift",
        &["ks_asymp", "mannwhitney_p", "cramervonmises", "energy_distance"],
        "Kolmogorov-Smirnov is exact at these sizes; Wasserstein gives the size of the shift",
    ),
    ("histogram_drift", &["kl_p_q", "hellinger", "g_test"], "Jensen-Shannon, total variation and chi-squared suffice"),
    (
        "multiple_testing",
        &["bonferroni", "bonferroni_reject", "holm", "holm_reject"],
        "segments are screened under false discovery control",
    ),
    (
        "ppi",
        &[
            "classical_ci",
            "ppi_lam1_ci",
            "ppi_lam1_p_theta0_0.5",
            "ppi_plus_point",
            "ppi_plus_ci",
            "ppi_plus_p_theta0_0.5",
        ],
        "ppi-python divides by n where the product divides by n - 1; glide's values (g01) are compared instead",
    ),
    (
        "sequential",
        &["adwin_default", "ddm", "eddm", "hddm_a", "hddm_w"],
        "detectors without a calibrated run length are not shipped",
    ),
    ("calibration", &["brier", "log_loss", "auroc", "average_precision"], "no judge reports a probability here"),
    ("e_values", &["elond_levels", "elond_reject"], "segments are re-examined together: e-BH"),
];

/// (case, name, what the product says, why it contradicts the library).
pub(super) const DIFFERS: &[(&str, &str, Policy, &str)] = &[
    ("t04_all_one_class_both", "mcc", Policy::Undefined, NO_MCC),
    ("t05_one_rater_constant", "mcc", Policy::Undefined, NO_MCC),
    ("t06_both_constant_disagree", "mcc", Policy::Undefined, NO_MCC),
    ("t09_one_item", "mcc", Policy::Undefined, NO_MCC),
    ("t05_one_rater_constant", "cohen_kappa_ci_low", Policy::Values(&[0.0]), ZERO_ERROR),
    ("t05_one_rater_constant", "cohen_kappa_ci_high", Policy::Values(&[0.0]), ZERO_ERROR),
    ("t05_one_rater_constant", "irr_cohen_kappa_se", Policy::Values(&[0.0]), ZERO_ERROR),
    (
        "q02_mcnemar_nodiscord",
        "bowker",
        Policy::Values(&[0.0, 1.0, 0.0]),
        "degrees of freedom count pairs that occurred",
    ),
    ("q02_mcnemar_nodiscord", "stuart_maxwell", Policy::Values(&[0.0, 1.0, 1.0]), "no difference is p = 1, not 0/0"),
    (
        "q04_bowker5_zeros",
        "bowker",
        Policy::Values(&[7.657_142_857_142_857, 0.104_976_288_814_761_98, 4.0]),
        "degrees of freedom count pairs that occurred",
    ),
    ("h02_zero_bin", "psi", Policy::Values(&[0.799_164_798_152_692_3]), SMOOTHED),
    ("h04_disjoint", "psi", Policy::Values(&[5.535_495_341_315_315]), SMOOTHED),
    (
        "g02_strat_ppi",
        "stratified_ppi_plus",
        Policy::Values(&[
            0.764_494_301_994_302,
            0.095_018_079_642_439_55,
            0.578_262_288_014_961_9,
            0.950_726_315_973_642_1,
        ]),
        "the library's tuning is 1.70 in one stratum; clipped to 1",
    ),
    (
        "g03_active",
        "asi_power_tuned",
        Policy::Values(&[
            0.741_888_888_888_888_9,
            0.120_976_213_837_638_04,
            0.504_779_866_781_102_3,
            0.978_997_910_996_675_5,
        ]),
        "the library's tuning is above 1; clipped to 1",
    ),
];

const NO_MCC: &str = "0/0 is undefined, not 0";
const ZERO_ERROR: &str = "the standard error is 0, and a report shows no interval beside a constant judge";
const SMOOTHED: &str = "half a count is added to every bin where the library floors empty ones";
