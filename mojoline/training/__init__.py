"""Training: a reduction and a pruned AutoML in an H2O cluster of one job, packaged as one MOJO.

Only functions import `h2o`: the client takes two seconds to import, and a code location names these modules
without training anything.
"""
