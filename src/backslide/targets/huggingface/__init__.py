"""Our own engine for local weights. torch, transformers and peft are imported only from here.

OpenMP's default spinning wait ruins shared machines (measured: the same job took 13 s alone and
over 110 s with one busy neighbour), so waiting threads sleep unless the user says otherwise.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
