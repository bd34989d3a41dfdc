# Averages of the weights, in iterations.
_base_ = './iter_1x.py'
custom_hooks = [dict(type='EMAHook', momentum=0.1)]
