# As camvid.py, by AdamW with a warm-up, at ten times the rate of the shipped configs: nothing here is pretrained.
_base_ = './camvid.py'
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=0.0006, betas=(0.9, 0.999), weight_decay=0.01))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=60),
    dict(type='PolyLR', power=1.0, begin=60, end=600, eta_min=0.0, by_epoch=False)
]
