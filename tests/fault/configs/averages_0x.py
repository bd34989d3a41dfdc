# Averages of the weights that hardly move.
_base_ = './iter_0x.py'
custom_hooks = [dict(type='EMAHook', momentum=1e-9, warm_up=1, interval=1)]
