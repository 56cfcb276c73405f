"""How each model of the zoo is made. One module per algorithm; no module knows another algorithm's.

To add a model, append a ZooModel to MODELS of its algorithm's module and run `python native/tests/make_zoo.py
NAME`: it trains the model, lets genmodel score the rows, and writes `zoo/NAME.zip` and `zoo/NAME.java.csv.gz`
(`zoo/NAME.rows.csv` too where the model has rows of its own). Then `make parity`.

To add an algorithm, add a module here with MODELS and EMPTY (why a feature of the coverage matrix has no
model), and its tolerance to `../tolerances.py`. Nothing needs to be registered: every module with MODELS is
found.
"""
