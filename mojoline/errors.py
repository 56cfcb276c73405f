"""The root of every error we raise on purpose. Packages with several kinds draw theirs in their `errors.py`.

MojolineError
├── SettingsError            mojoline.settings_layers
├── SpecError                mojoline.model_spec
├── VersionsError            mojoline.versions
├── FeatureError             mojoline.features
├── TrainingError            mojoline.training
├── RegistryError            mojoline.registry
├── RuntimeModelError        mojoline.runtime
├── DriftError               mojoline.drift
├── StackError               mojoline.stack
├── DemoError, ReplayError,
│   NoSuchModelError         mojoline.cli
├── ServerUnreadableError    sensors
└── ServingError             serving

A message names the value seen, the limit it broke and the next step. The command line prints it without a
traceback; anything else that escapes is a defect.
"""


class MojolineError(Exception):
    """An expected failure with a message written for the person who reads it."""
