_base_ = []
root = '{{ fileDirname }}/{{$DATA:/data}}'
n = {{'$CLASSES:19'}}
model = dict(type='A', heads=[dict(n=i, s=f'{i:>3}') for i in range(3) if i % 2], c={{_base_.crop}})
