_base_ = 'opencd_bit_r18.py'
model = dict(type='DistillSiamEncoderDecoder', distill_loss=dict(type='DistillLoss', temperature=0.5, loss_weight=2.0))
