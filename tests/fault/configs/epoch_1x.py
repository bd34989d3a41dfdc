# Epochs, Adam, gradients of two iterations in a step, averages of the weights.
_base_ = './iter_1x.py'
train_dataloader = dict(sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True))
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=0.002, betas=(0.9, 0.99)),
    clip_grad=dict(max_norm=1.0),
    accumulative_counts=2)
param_scheduler = [dict(type='StepLR', step_size=1, gamma=0.7)]
train_cfg = dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=4, val_interval=2)
default_hooks = dict(checkpoint=dict(by_epoch=True, interval=1))
custom_hooks = [dict(type='EMAHook', momentum=0.1)]
