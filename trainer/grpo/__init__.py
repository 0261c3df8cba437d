"""Inside and around OpenRLHF: what of ours runs in its processes, and how it is started.

agent.py         OpenRLHF's group agent: the n siblings of a prompt become one POST /reward
group_reward.py  that request, and what comes of it when it fails
guarantee.py     flags that would break RLMR's promise
batches.py       whether a step's samples fit the ranks, and what else OpenRLHF cannot do with the flags
flags.py         a preset as OpenRLHF's flags
launch.py        `python -m trainer.grpo.launch openrlhf.cli.train_ppo_ray ...`
runtime.py       GPU or CPU, decided once; what Ray gives to its workers
openrlhf_trainer.py  OpenRLHF's trainer with whole batches and an exact number of steps
so_far.py        a step's scalars for the trackers, from the ledger
thresholds.py    percentiles of the run's own writing rewards, for the filter
lagrange.py      the price of a violation, moved by the violation rate
trackers.py      TensorBoard and wandb whose errors do not end a run
recorder.py      writes the ledger: groups, steps, and the advantages that OpenRLHF computed
cpu_runtime/     stand-ins for what only CUDA offers
"""
