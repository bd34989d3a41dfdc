/* Every op, once, with its inputs and outputs. Shapes stand in graph.h at the builder of the same name. */
OP(conv2d)                /* x, w, [bias], [residual] -> y */
OP(conv2d_grad_data)      /* dy, w -> dx */
OP(conv2d_grad_weight)    /* x, dy -> dw, [dbias] */
OP(conv_transpose2d)      /* x, w, [bias] -> y: conv2d's gradient of the data, as a forward op */
OP(fold_batch_norm)       /* w, [bias], gamma, beta, mean, var -> w, bias */
OP(batch_norm)            /* x, gamma, beta, mean, var -> y: with fixed statistics */
OP(batch_norm_grad)       /* x, dy, gamma, mean, var -> dx, dgamma, dbeta */
OP(batch_norm_train)      /* x, gamma, beta, running mean, running var, [residual] -> y, batch mean, inverse std */
OP(batch_norm_apply)      /* x, gamma, beta, mean, inverse std, [residual] -> y: batch_norm_train's y, made once more */
OP(batch_norm_train_grad) /* x, dy, gamma, batch mean, inverse std, [y if fused with ReLU] -> dx, dgamma, dbeta,
                             [dresidual] */
OP(group_norm)            /* x, [gamma], [beta] -> y, mean, inverse std */
OP(group_norm_grad)       /* x, dy, [gamma], mean, inverse std, [y if fused with ReLU] -> dx, dgamma, dbeta */
OP(layer_norm)            /* x, gamma, beta -> y, mean, inverse std: over the last axis */
OP(layer_norm_grad)       /* x, dy, gamma, mean, inverse std, [y if fused with ReLU] -> dx, dgamma, dbeta */
OP(unary)                 /* x -> y */
OP(unary_grad)            /* x, y, dy -> dx; x or y is missing where the slope needs it not */
OP(prelu)                 /* x, slope -> y */
OP(prelu_grad)            /* x, slope, dy -> dx, dslope */
OP(binary)                /* a, b -> y, broadcasting */
OP(compare)               /* a, b -> mask, broadcasting */
OP(where)                 /* mask, a, b -> y, broadcasting */
OP(max_pool)              /* x -> y */
OP(max_pool_grad)         /* x, y, dy -> dx */
OP(avg_pool)              /* x -> y */
OP(avg_pool_grad)         /* dy -> dx; attr.pool and the shape in attr */
OP(adaptive_avg_pool)     /* x -> y */
OP(adaptive_avg_pool_grad) /* dy -> dx */
OP(adaptive_max_pool)      /* x -> y */
OP(adaptive_max_pool_grad) /* x, y, dy -> dx */
OP(resize)                 /* x -> y */
OP(resize_grad)            /* dy -> dx */
OP(sum)                    /* x0, x1, ... -> y: resized to one size, added from left to right, [ReLU] */
OP(concat)                 /* x0, x1, ... -> y */
OP(slice)                  /* x -> y */
OP(split)                  /* x -> y0, y1, ... */
OP(slice_grad)             /* dy -> dx: zeros elsewhere */
OP(reshape)                /* x -> y */
OP(transpose)              /* x -> y */
OP(broadcast)              /* x -> y */
OP(reduce_sum)             /* x -> y */
OP(matmul)                 /* a, b -> y, batched */
OP(softmax)                /* x -> y: over the last axis */
OP(softmax_grad)           /* y, dy -> dx */
OP(log_softmax)            /* x -> y: over the last axis */
OP(log_softmax_grad)       /* y, dy -> dx */
OP(attention)              /* q, k, v, [bias], [mask], [table], [outside], [seed] -> y, logarithm of each query's sum */
OP(attention_grad)         /* q, k, v, y, logarithm of the sums, dy, [bias], [mask], [table], [outside], [seed] -> those
                              of the gradients of q, k, v, bias, table and outside that attr.attention.into names */
OP(one_hot)                /* label -> y */
OP(presence)               /* label -> y: which classes each image has */
OP(pick)                   /* x, label -> y: the label's entry of the last axis */
OP(pick_grad)              /* dy, label -> dx: zeros elsewhere */
OP(psa_exchange)           /* masks, v -> y, logarithm of each row's sum: masks as a matrix of pixels, times v */
OP(psa_exchange_grad)      /* masks, v, y, logarithm of the sums, dy -> dmasks, dv */
OP(kth_value)              /* x, [mask] -> value at place k in order */
OP(largest)                /* x, [mask] -> mask of the k largest */
OP(point_sample)           /* x, points -> y: x between its pixels */
OP(point_sample_grad)      /* dy, points -> dx */
OP(point_classes)          /* label, points -> y: masks of all classes */
OP(point_hits)             /* label, class, points -> y: masks of one class each */
OP(deform_attention)       /* value, at, offset, share -> y */
OP(deform_attention_grad)  /* value, at, offset, share, dy -> dvalue, doffset, dshare */
OP(margin)                 /* x -> y: between the two largest of the last axis */
OP(top_places)             /* x -> places of the k largest of each row */
OP(take_rows)              /* x, places -> rows */
OP(put_rows)               /* x, rows, places -> y: x with other rows there */
OP(mask_sums)              /* masks, classes, label -> y: errors, or overlap and sizes, of each mask */
OP(mask_sums_grad)         /* masks, classes, label, dy -> dmasks */
OP(hungarian)              /* cost, present -> class of each query, queries of the pairs, their classes */
OP(uniform)                /* seed -> y: random numbers */
OP(jaccard_weight)         /* errors, foreground, mask -> weight of each error */
OP(distance_transform)     /* label -> y: squares of the distances to the nearest label 0 */
OP(dropout)                /* x, seed -> y */
OP(dropout_grad)           /* dy, seed -> dx */
OP(cross_entropy)        /* logits, label, [class weight], [pixel weight] -> loss, divisor, [accuracy: set by passes] */
OP(cross_entropy_grad)   /* logits, label, [class weight], [pixel weight], divisor, dloss -> dlogits */
OP(binary_cross_entropy) /* the same inputs */
OP(binary_cross_entropy_grad)
OP(sigmoid_cross_entropy)      /* x, target, [class weight] -> y: each element's */
OP(sigmoid_cross_entropy_grad) /* x, target, [class weight], dy -> dx */
OP(accuracy)                   /* logits, label -> percent */
OP(argmax)                     /* x -> index, over the last axis */
OP(resize_argmax)              /* x -> index: resize, then argmax, without the resized map */
OP(cast)                       /* x -> y: to the type attr.cast; to bfloat16 rounded to nearest, ties to even */
OP(detach)                     /* x -> y: x without its gradient */
OP(assign)                     /* state, value: no result; state becomes value at the end of the run */
OP(fill)                       /* -> y: attr.axis.value everywhere */
