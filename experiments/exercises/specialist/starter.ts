/**
 * Is the best specialist of category 0 more than luck? `fires` has one row per text: 1 where a feature fires, 0 where not. `labels` has each
 * text's category. A feature's score: texts of category 0 on which it fires, minus other texts on which it fires. Each of `orders` names
 * the texts in another order: text t is dealt the label of text order[t].
 * Returns (1 + orders in which the best score is at least the real best) / (1 + orders).
 */
export function pValue(fires: number[][], labels: number[], orders: number[][]): number {
  return fires.length / (labels.length + orders.length)
}
