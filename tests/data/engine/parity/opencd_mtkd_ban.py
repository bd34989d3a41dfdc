_base_ = 'opencd_ban_mit.py'
model = dict(type='DistillBAN', distill_loss=dict(type='DistillLossWithPixel'))
