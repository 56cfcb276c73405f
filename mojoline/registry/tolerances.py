"""By how much a scorer may differ from the cluster that trained the model."""

# Absolute. XGBoost adds up in float32, and most outputs of a MOJO2 are float32.
TOLERANCES = dict.fromkeys(["gbm", "glm", "drf", "stackedensemble", "deeplearning", "gam", "rulefit"], 1e-9)
TOLERANCES |= dict.fromkeys(["pca", "glrm", "kmeans", "klime", "isotonicregression", "coxph"], 1e-9)
TOLERANCES |= dict.fromkeys(
    ["isolationforest", "extendedisolationforest", "upliftdrf", "targetencoder"], 1e-9
)
TOLERANCES |= {"xgboost": 1e-6, "mojo2": 1e-6}
