_base_ = 'opencd_changestar_upernet.py'
model = dict(
    type='DistillSiamEncoderDecoder_ChangeStar', distill_loss=dict(type='DistillLossWithPixel_ChangeStar'))
